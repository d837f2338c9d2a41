"""The JSON report keeps to the schema that is published for it, and its figures to each other."""

from __future__ import annotations

import copy
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from logshift.config.load import ConfigurationError, load
from logshift.model import Applicability, Reason
from logshift.report.summary import KINDS

MOVABLE = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef run(n):\n    logger.info('run %d', n)\n"
EVERY_KIND = """\
import logging
import structlog
from app.helpers import FlowLogger
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

one = logging.getLogger("a.b")
two = structlog.get_logger()
three = structlog.get_logger(__name__)
four = structlog.get_logger("é😀"); five = structlog.get_logger(f"x{two}")
six = FlowLogger()
seven = UniversalFrameworkLogger("mine")
for each in (one, two, three, four, five, seven):
    each.info("a")
six.flow_info("a")
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.info("root")
make = logging.getLogger
"""
HELPER = "[[legacy]]\nfactory = 'app.helpers.FlowLogger'\nmethods = { flow_info = 'log_info' }\n"

PROJECTS = {
    "nothing": {},
    "clean": {"a.py": "x = 1\n"},
    "movable": {"a.py": MOVABLE, "b/c.py": MOVABLE},
    "every kind": {"a.py": EVERY_KIND, "app/helpers.py": "class FlowLogger:\n    pass\n", "logshift.toml": HELPER},
    "not analysed": {"a.py": MOVABLE, "b.py": "logging.getLogger(\n", "c.py": b"logging.getLogger('\xff')\n", "d.py": "logging\0"},
    "left out": {"a.py": "# @generated\n" + MOVABLE, "venv/a.py": MOVABLE, "c.py": MOVABLE, ".gitignore": "c.py\n"},
    "manual": {"a.py": "from logging import *\nlogger = getLogger('x')\nlogger.info('a')\n"},
}  # fmt: skip


@pytest.mark.parametrize("kind", PROJECTS)
@pytest.mark.parametrize("command", ["check", "check --statistics", "migrate --diff", "migrate"])
def test_report_keeps_to_its_published_schema(project, logshift, judge, kind, command):
    project(PROJECTS[kind])
    document = json.loads(logshift(*command.split(), "--output-format", "json").out)
    assert judge("report-1.json", document) == []
    assert (document["migration"] is None) == command.startswith("check")


def test_report_on_the_legacy_application_keeps_to_it(legacy, logshift, judge):
    for command in ("check", "migrate"):
        assert judge("report-1.json", json.loads(logshift(command, "--output-format", "json").out)) == []


@pytest.mark.parametrize("command", ["true", "false"])
def test_report_on_a_trial_keeps_to_it(project, logshift, judge, command):
    project({"a.py": MOVABLE, "test_a.py": "import a\n\ndef test_it():\n    a.run(1)\n"})
    python = [sys.executable, "-m", "pytest", "-q"]
    told = logshift(
        "prove", "--runs", "1", "--output-format", "json", "--", *(python if command == "true" else ["false"])
    )
    assert judge("report-1.json", json.loads(told.out)) == []


def everything_in(value, path=()):
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, part in inside:
        yield from everything_in(part, (*path, key))


def test_schema_leaves_nothing_open(project, logshift, judge):
    """Each part of a report in turn is taken away, replaced and added to: every time the schema objects."""
    project(PROJECTS["every kind"])
    document = json.loads(logshift("migrate", "--output-format", "json").out)
    parts = [path for path in everything_in(document) if path and isinstance(path[-1], str)]
    assert len(parts) > 50
    for path in parts:
        for change in ("take away", "replace", "add"):
            changed = copy.deepcopy(document)
            holder = changed
            for key in path[:-1]:
                holder = holder[key]
            if change == "take away":
                del holder[path[-1]]
            elif change == "replace":
                holder[path[-1]] = {"neither": "text nor number"}
            else:
                holder["unheard_of"] = 1
            assert judge("report-1.json", changed) != [], (change, path)


def test_schema_names_every_applicability_and_reason():
    schema = json.loads((Path(__file__).parents[3] / "docs/schema/report-1.json").read_text(encoding="utf-8"))
    assert schema["$defs"]["Applicability"]["enum"] == [str(one) for one in Applicability]
    assert schema["$defs"]["Reason"]["enum"] == [str(one) for one in Reason]


# -- what it says ------------------------------------------------------------------------------------------


def test_places_are_lines_and_code_points_of_the_file(project, logshift):
    root = project(PROJECTS["every kind"])
    document = json.loads(logshift("check", "--output-format", "json").out)
    lines = (root / "a.py").read_text().split("\n")
    told = {}
    for one in document["findings"]:
        assert one["line"] == one["end_line"]
        told[lines[one["line"] - 1][one["column"] - 1 : one["end_column"] - 1]] = one["code"]
    assert told == {
        'logging.getLogger("a.b")': "LS101",
        "structlog.get_logger()": "LS102",
        "structlog.get_logger(__name__)": "LS102",
        'structlog.get_logger("é😀")': "LS102",
        'structlog.get_logger(f"x{two}")': "LS102",
        "FlowLogger()": "LS103",
        'logging.info("root")': "LS104",
        "logging.getLogger": "LS105",
    }


def test_bindings_are_told_by_kind_and_figures_add_up(project, logshift):
    project(PROJECTS["every kind"])
    document = json.loads(logshift("check", "--output-format", "json").out)
    (file,) = document["files"]
    assert [(one["kind"], one["logger_name"], one["component"]) for one in file["bindings"]] == [
        (KINDS[0], "a.b", "a"),
        (KINDS[1], None, "a"),
        (KINDS[2], "__name__", "a"),
        (KINDS[3], "é😀", "a"),
        (KINDS[4], 'f"x{two}"', "a"),
        (KINDS[5], None, "a"),
        ("compliant", "mine", "mine"),
        ("configuration", "httpx", "a"),
    ]
    totals = document["totals"]
    assert (totals["legacy_bindings"], totals["compliant_bindings"], totals["configuration_bindings"]) == (6, 1, 1)
    assert totals["bindings"] == 7
    assert totals["compliance"] == round(100 / 7, 2)
    assert totals["findings"] == len(document["findings"])
    assert totals["files_checked"] == 2


def test_what_was_left_out_is_counted_by_reason(project, logshift):
    project(PROJECTS["left out"])
    totals = json.loads(logshift("check", "--output-format", "json").out)["totals"]
    left_out = {name: totals[name] for name in ("excluded_by_pattern", "excluded_by_git", "generated", "files_checked")}
    assert left_out == {"excluded_by_pattern": 1, "excluded_by_git": 1, "generated": 1, "files_checked": 0}
    assert logshift("check").out.split("\n")[-2] == "Left out: 1 by pattern, 1 that git ignores, 1 generated."


def test_what_was_not_analysed_is_named_with_its_place(project, logshift):
    project(PROJECTS["not analysed"])
    document = json.loads(logshift("check", "--output-format", "json").out)
    told = {one["path"]: (one["line"], one["column"], one["message"]) for one in document["not_analysed"]}
    assert told["b.py"] == (1, 18, "syntax error: '(' was never closed")
    assert told["c.py"] == (1, 20, "byte 0xff is not valid utf-8")
    assert told["d.py"][:2] == (1, 8)
    assert told["d.py"][2].endswith("source code string cannot contain null bytes")  # an error of either kind
    assert (document["totals"]["files_not_analysed"], document["totals"]["files_checked"]) == (3, 1)


def test_migration_is_told_with_its_run_and_what_was_before(project, logshift):
    project(PROJECTS["movable"] | PROJECTS["manual"] | {"d.py": MOVABLE})
    planned = json.loads(logshift("migrate", "--diff", "--output-format", "json").out)
    done = json.loads(logshift("migrate", "--output-format", "json").out)
    run = done["migration"]["run"]
    assert planned["migration"]["run"] is None
    assert re.fullmatch(r"\d{8}T\d{6}Z-0001", run)
    assert {**planned, "migration": {**planned["migration"], "run": run}} == done
    assert (done["migration"]["files_changed"], done["migration"]["moved"]) == (2, 2)
    changed = {file["path"]: (file["changed"], file["moved"], len(file["kept"])) for file in done["migration"]["files"]}
    assert changed == {"a.py": (False, 0, 1), "b/c.py": (True, 1, 0), "d.py": (True, 1, 0)}
    (kept,) = next(file["kept"] for file in done["migration"]["files"] if file["path"] == "a.py")
    assert (kept["line"], kept["column"], kept["reason"]) == (2, 10, "star-import")
    assert done["totals"]["legacy_bindings"] == 3
    after = json.loads(logshift("check", "--output-format", "json").out)
    assert (after["totals"]["legacy_bindings"], after["totals"]["compliant_bindings"]) == (1, 2)


def test_fingerprints_stay_when_lines_move_and_differ_between_findings(project, logshift):
    root = project(PROJECTS["every kind"])
    found = [one["fingerprint"] for one in json.loads(logshift("check", "--output-format", "json").out)["findings"]]
    assert len(set(found)) == len(found)
    (root / "a.py").write_text("# a line more\n\n" + EVERY_KIND.replace("two = ", "two   =  "))
    (root / "a.py").rename(root / "z.py")
    again = json.loads(logshift("check", "--output-format", "json").out)["findings"]
    assert [one["fingerprint"] for one in again] == found


# -- the configuration's schema ----------------------------------------------------------------------------

CONFIGURATIONS = [
    "",
    "src = ['a']\nkeep-channels = false\n",
    "[target]\nmodule = 'a.b'\ncomponents = { 'a.py' = 'b' }\n",
    HELPER,
    "[[legacy]]\nfactory = 'a.b'\nchannel = 'x'\n[target.contract]\nformatting = 'none'\n",
    "srcs = []",
    "src = 'a'",
    "src = [1]",
    "keep-channels = 1",
    "keep_channels = true",
    "target = 'a'",
    "[target]\nimport-style = 'star'\n",
    "[target]\ncomponents = { 'a.py' = '' }\n",
    "[target]\nclass_ = 'A'\n",
    "[[legacy]]\nchannel = 'x'\n",
    "[[legacy]]\nfactory = 'a.b'\nkind = 'other'\n",
    "[target.contract]\nstands_for = []\n",
]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_published_schema_and_program_agree_on_a_configuration(project, judge, text):
    root = project({"logshift.toml": text})
    try:
        load(str(root / "logshift.toml"))
    except ConfigurationError:
        right = False
    else:
        right = True
    assert (judge("config.json", tomllib.loads(text)) == []) == right
