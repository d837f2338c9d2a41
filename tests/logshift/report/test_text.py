"""The report for people: it fits a terminal, says what it counts, and never says it wrongly for one or for none."""

from __future__ import annotations

import json
import os
import re

import pytest

from logshift.report.style import Style
from logshift.report.text import below_common_folder, columns

MOVABLE = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef run(n):\n    logger.info('run %d', n)\n"

#: The plan's 13 files and how many legacy loggers of which kind it found there.
PLAN = {
    "agents/intent_classifier.py": "· · · 9 · 9",
    "agents/strategy_generator.py": "· · 2 · · 2",
    "api/response_transformer.py": "1 · · · · 1",
    "api/routes/workflow.py": "· · 1 16 · 17",
    "compliance/safe_mode.py": "· · 1 · · 1",
    "config/environment.py": "· 1 · · · 1",
    "config/toml_loader.py": "· 1 · · · 1",
    "llm/providers.py": "· 1 · · · 1",
    "observability/otlp_router.py": "1 · · · · 1",
    "redis/session_storage.py": "· · · 1 · 1",
    "utils/session_logging.py": "· · · 1 · 1",
    "utils/state_access.py": "1 · · · · 1",
    "workflow/orchestrator.py": "· · 1 · 1 2",
    "13 files": "3 3 5 27 1 39",
}


def test_report_on_the_legacy_application(legacy, logshift, snapshot):
    told = logshift("check")
    snapshot.assert_match(told.out, "check.txt")


def test_table_of_the_legacy_application_fits_into_120_columns_and_counts_as_the_plan_does(legacy, logshift):
    table = logshift("check").out.split("\n\n")[1].split("\n")
    assert max(map(len, table)) <= 120
    assert table[1].startswith("(below src/universal_framework)")
    rows = {re.split(r"  +", line)[0]: line for line in table[2:]}
    told = {name: " ".join(line.split()[-6:]) for name, line in rows.items()}
    assert told == PLAN


def test_table_of_the_migration_fits_into_120_columns(legacy, logshift, snapshot):
    told = re.sub(r"\d{8}T\d{6}Z-\d{4}", "RUN", logshift("migrate").out)
    assert max(map(len, told.split("\n"))) <= 120
    snapshot.assert_match(
        re.sub(r"(?<= {2})\d+$", "N", told, flags=re.MULTILINE), "migrate.txt"
    )  # edits: the planner's affair


@pytest.mark.parametrize(
    ("paths", "head", "names"),
    [
        ([], "file", []),
        (["a/b.py"], "file", ["a/b.py"]),
        (["a/b.py", "a/c.py"], "file\n(below a)", ["b.py", "c.py"]),
        (["a/b/c.py", "a/d.py"], "file\n(below a)", ["b/c.py", "d.py"]),
        (["a/b/c.py", "a/b/d.py"], "file\n(below a/b)", ["c.py", "d.py"]),
        (["a/b.py", "c.py"], "file", ["a/b.py", "c.py"]),
        (["ab/c.py", "abc/c.py"], "file", ["ab/c.py", "abc/c.py"]),
        (["a/b.py", "a/b.py/c.py"], "file\n(below a)", ["b.py", "b.py/c.py"]),
        (["/a/b.py", "/a/c.py"], "file\n(below /a)", ["b.py", "c.py"]),
        (["/a/b.py", "/c/d.py"], "file", ["/a/b.py", "/c/d.py"]),
    ],
)
def test_files_are_called_below_the_folder_that_all_lie_in(paths, head, names):
    assert below_common_folder(paths) == (head, names)
    if "below" in head:
        common = head.split("(below ")[1].rstrip(")")
        assert [f"{common}/{name}" for name in names] == paths


def test_columns_are_aligned_and_a_head_may_have_two_lines():
    lines = columns(["a\nbb", "c", "d\ne"], [["1", "22", "3"], ["x", "", "1000"]], Style(colour=False))
    assert lines == ["a          d", "bb  c      e", "1   22     3", "x       1000"]
    assert columns(["a", "b", "c"], [["1", "2", "3"]], Style(colour=False)) == ["a  b  c", "1  2  3"]


SUMMARIES = [
    ({}, """\
0 legacy loggers in 0 files.
Compliance: 100.0 % (0 of 0 loggers follow the pattern).
"""),
    ({"a.py": "x = 1\n"}, """\
0 legacy loggers in 1 file.
Compliance: 100.0 % (0 of 0 loggers follow the pattern).
"""),
    ({"a.py": MOVABLE}, """\
1 legacy logger in 1 file; 1 finding (1 safe).
Compliance: 0.0 % (0 of 1 loggers follow the pattern).
Hint: `logshift migrate --diff` shows what would change, `logshift migrate` does it.
"""),
    ({"a.py": "from logging import *\nlogger = getLogger('x')\nlogger.info('a')\n"}, """\
1 legacy logger in 1 file; 1 finding (1 manual).
Compliance: 0.0 % (0 of 1 loggers follow the pattern).
Hint: `logshift explain PATH:LINE` says what holds a logger back, and what to do.
"""),
    ({"a.py": MOVABLE + "logging.getLogger('x').setLevel(10)\n", "b.py": "logging.x(\n"}, """\
1 legacy logger in 1 file; 1 finding (1 safe).
Compliance: 0.0 % (0 of 1 loggers follow the pattern; 1 that only configure logging are counted apart).
Not analysed: 1 file.
Hint: `logshift migrate --diff` shows what would change, `logshift migrate` does it.
"""),
    ({"a.py": "import logging\nlogging.info('x')\n"}, """\
0 legacy loggers in 1 file; 1 finding (1 manual).
Compliance: 100.0 % (0 of 0 loggers follow the pattern).
Hint: `logshift explain PATH:LINE` says what holds a logger back, and what to do.
"""),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), SUMMARIES)
def test_last_lines_sum_up(project, logshift, files, expected):
    project(files)
    out = logshift("check").out
    assert out.endswith(expected)
    assert out == expected or out[: -len(expected)].endswith("\n\n"), "a blank line parts them from the findings"


def test_table_is_cut_and_says_so_unless_figures_are_asked_for(project, logshift):
    project({f"m{number:02d}.py": MOVABLE for number in range(45)})
    table = logshift("check").out.split("\n\n")[1].split("\n")
    assert (len(table), table[-2]) == (2 + 40 + 1 + 1, "… and 5 more files (--statistics shows all)")
    assert table[-1].split() == ["45", "files", "45", "45"]
    assert len(logshift("check", "--statistics").out.split("\n\n")[0].strip().split("\n")) == 2 + 45 + 1


def test_columns_of_kinds_that_do_not_occur_are_left_out(project, logshift):
    project({"a.py": MOVABLE, "b.py": "import structlog\nlog = structlog.get_logger()\nlog.info('a')\n"})
    head = logshift("check", "--statistics").out.strip("\n").split("\n")[:2]
    assert [line.split() for line in head] == [
        ["logging.", "structlog"],
        ["file", "component", "getLogger", "()", "legacy"],
    ]


def test_figures_are_those_of_the_json_report(legacy, logshift):
    totals = json.loads(logshift("check", "--output-format", "json").out)["totals"]
    out = logshift("check").out
    assert f"{totals['legacy_bindings']} legacy loggers in {totals['files_checked']} files" in out
    assert f"Compliance: {totals['compliance']:.1f} %" in out


def test_paths_are_shown_from_where_one_stands(project, logshift, monkeypatch):
    root = project({"a/b/c.py": MOVABLE, "d.py": MOVABLE})
    monkeypatch.chdir("a")
    assert re.findall(r"^(\S+):3:10 LS101", logshift("check", ".").out, re.MULTILINE) == ["b/c.py"]
    assert re.findall(r"^(\S+):3:10 LS101", logshift("check", root / "a").out, re.MULTILINE) == ["b/c.py"]
    assert re.findall(r"^(\S+):3:10 LS101", logshift("check", "../d.py").out, re.MULTILINE) == ["../d.py"]
    assert re.findall(r"^(\S+):3:10 LS101", logshift("check", root / "d.py").out, re.MULTILINE) == [str(root / "d.py")]


# -- style -------------------------------------------------------------------------------------------------


class Stream:
    def __init__(self, *, terminal):
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize(
    ("environment", "terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_for_terminals_unless_the_environment_objects(monkeypatch, environment, terminal, colour):
    monkeypatch.delenv("TERM", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Style.for_stream(Stream(terminal=terminal)).colour == colour
    assert Style.for_stream(None).colour == bool(os.environ.get("FORCE_COLOR") and not os.environ.get("NO_COLOR"))


def test_colour_wraps_words_and_nothing_else():
    assert Style(colour=True).strong("a") == "\033[1ma\033[0m"
    assert Style(colour=True).red("") == ""
    assert Style(colour=False).strong("a") == "a"
