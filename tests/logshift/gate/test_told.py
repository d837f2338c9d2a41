"""Every format says what counts, what does not and why, and what was missed."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

SUPPRESSED = "import logging\n\nlogging.info('x')  # logshift: ignore[LS104] until=9999-12-31 -- the script & co\n"


@pytest.fixture
def mixed(project, logshift, made):
    """Return a project with a known, a suppressed and a new finding, an entry that is gone and a ratchet that is broken."""
    root = project({"known.py": made, "gone.py": made, "suppressed.py": SUPPRESSED})
    logshift("baseline", "create")
    logshift("ratchet", "create")
    (root / "gone.py").write_text("x = 1\n")
    (root / "new.py").write_text(made)
    return root


GATE = ("--ratchet", "--fail-under", "50")


def test_json_keeps_to_its_schema_and_tells_all(mixed, checked, git):
    report = checked(*GATE)
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(json.dumps(_schema()))
    jsonschema.validate({key: value for key, value in report.items() if key != "status"}, schema)
    assert [[one["path"] for one in report[kind]] for kind in ("findings", "known", "suppressed")] == [
        ["new.py"],
        ["known.py"],
        ["suppressed.py"],
    ]
    (suppressed,) = report["suppressed"]
    assert (suppressed["comment_line"], suppressed["comment"]) == (3, "ignore[LS104] until=9999-12-31")
    assert (suppressed["until"], suppressed["why"]) == ("9999-12-31", "the script & co")
    kinds = {file["path"]: (one["applicability"], one["kind"]) for file in report["files"] for one in file["bindings"]}
    assert kinds == dict.fromkeys(("known.py", "new.py"), ("safe", "logging.getLogger"))
    gate = report["gate"]
    assert (gate["passed"], gate["findings_fail"], gate["fail_under"], len(gate["missed"])) == (False, True, 50, 2)
    assert [one["path"] for one in gate["baseline"]["gone"]] == ["gone.py"]
    assert [one["component"] for one in gate["ratchet"]["grown"]] == ["new"]
    assert [one["component"] for one in gate["ratchet"]["fallen"]] == ["gone"]


def _schema():
    from logshift.report.document import schema

    return json.loads(schema())


def test_without_a_gate_there_is_none_in_the_report(project, checked, made):
    project({"a.py": made})
    report = checked()
    assert (report["gate"], report["known"], report["suppressed"]) == (None, [], [])


def test_json_lines_say_the_same_line_by_line(mixed, checked, logshift):
    whole = checked(*GATE)
    lines = [json.loads(line) for line in logshift("check", "--output-format", "json-lines", *GATE).out.splitlines()]
    assert [one["type"] for one in lines] == ["finding", "known", "suppressed", "gate", "totals"]
    assert {key: value for key, value in lines[3].items() if key != "type"} == whole["gate"]


def test_sarif_gives_each_result_its_state_and_its_suppression(mixed, logshift):
    (run,) = json.loads(logshift("check", "--output-format", "sarif", *GATE).out)["runs"]
    told = [
        (
            one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            one["baselineState"],
            one.get("suppressions"),
        )
        for one in run["results"]
    ]
    held = [{"kind": "inSource", "status": "accepted", "justification": "the script & co"}]
    assert told == [("known.py", "unchanged", None), ("new.py", "new", None), ("suppressed.py", "new", held)]
    (invocation,) = run["invocations"]
    assert [one["message"]["text"] for one in invocation["toolExecutionNotifications"]] == [
        "compliance is 0 %, below the 50 % that are asked for",
        "LS101 in new: 1, where the ratchet allows 0",
    ]
    (run,) = json.loads(logshift("check", "--output-format", "sarif", "--no-baseline").out)["runs"]
    assert not any("baselineState" in one for one in run["results"])


def test_github_annotates_what_counts_and_what_was_missed(mixed, logshift):
    lines = logshift("check", "--output-format", "github", *GATE).out.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::error"] * 3 + ["1"]
    assert "file=new.py" in lines[0]
    assert lines[1:] == [
        "::error title=logshift::compliance is 0 %25, below the 50 %25 that are asked for",
        "::error title=logshift::LS101 in new: 1, where the ratchet allows 0",
        "1 findings, 1 known, 1 suppressed, compliance 0.0 %",
    ]
    told = logshift("check", "--output-format", "github", "--no-baseline", "--fail-under", "0")
    assert told.status == 0
    assert [line.partition(" ")[0] for line in told.out.splitlines()] == ["::warning"] * 2 + ["2"]


def test_gitlab_leaves_out_what_does_not_count(mixed, logshift):
    issues = json.loads(logshift("check", "--output-format", "gitlab", *GATE).out)
    assert [one["check_name"] for one in issues] == ["stdlib-logger", "logshift", "logshift"]
    assert len({one["fingerprint"] for one in issues}) == 3
    assert all(one["location"]["path"] and one["location"]["lines"]["begin"] for one in issues)


def test_junit_skips_what_does_not_count_and_says_why(mixed, logshift):
    root = ET.fromstring(logshift("check", "--output-format", "junit", *GATE).out.encode())
    assert (root.get("tests"), root.get("failures")) == ("5", "3")
    assert len(root.findall(".//testcase")) == 5
    assert [one.get("message") for one in root.iter("skipped")] == ["in the baseline", "the script & co"]
    assert [one.get("name") for one in root.findall(".//testcase[@classname='logshift']")] == [
        "compliance is 0 %, below the 50 % that are asked for",
        "LS101 in new: 1, where the ratchet allows 0",
    ]
    told = logshift("check", "--output-format", "junit", "--no-baseline", "--fail-under", "0")
    root = ET.fromstring(told.out.encode())
    assert (told.status, root.get("failures"), len(list(root.iter("skipped")))) == (0, "0", 3)


def test_markdown_gives_the_verdict_of_the_gate(mixed, logshift):
    told = logshift("check", "--output-format", "markdown", *GATE).out
    assert "❌ **0.0 %** of 2 loggers" in told
    assert "Not counted: 1 in the baseline, 1 suppressed by comments." in told
    assert "LS101 in new: 1, where the ratchet allows 0" in told
    assert "`logshift baseline prune`" in told
    assert "| `suppressed.py:3:1` | LS104 | 9999-12-31 | the script \\& co |" in told
    assert "✅" in logshift("check", "--output-format", "markdown", "--no-baseline", "--fail-under", "0").out


@pytest.mark.parametrize("name", ["text", "full"])
def test_people_are_told_what_counts_and_how_many_do_not(mixed, logshift, name):
    told = logshift("check", "--output-format", name, *GATE)
    assert told.status == 1
    assert [
        line
        for line in told.out.splitlines()
        if line.startswith(("new.py", "known.py", "suppressed.py")) and " LS10" in line
    ] == ["new.py:3:10 LS101 [safe] legacy logger: `logger = logging.getLogger(__name__)`"]
    assert "Not counted: 1 in the baseline, 1 suppressed by comments." in told.out
    assert "Failed: LS101 in new: 1, where the ratchet allows 0." in told.out


def test_files_left_out_and_not_analysed_are_told_beside_a_gate(project, logshift, checked, made):
    project({"a.py": made, "venv/b.py": made, "g.py": f"# @generated\n{made}", "broken.py": "logging.getLogger(\n"})
    assert logshift("baseline", "create").status == 3
    report = checked()
    totals = report["totals"]
    assert (report["status"], totals["known"], totals["files_not_analysed"]) == (3, 1, 1)
    assert (totals["excluded_by_pattern"], totals["generated"]) == (1, 1)
    told = logshift("check").out
    assert "Left out: 1 by pattern, 1 generated." in told
    assert "Not analysed: 1 file." in told


def test_an_exempt_module_is_asked_for_nothing(project, checked):
    source = "import logging\nlogging.info('')  # logshift: ignore[LS101]\n\nclass House: ...\n"
    project({"house.py": source, "logshift.toml": "[target]\nmodule = 'house'\nclass = 'House'\n"})
    assert checked()["findings"] == []
