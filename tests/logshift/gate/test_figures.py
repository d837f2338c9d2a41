"""The share and the ratchet take the place of single findings, and hold by figure."""

from __future__ import annotations

import json

import pytest

RIGHT = (
    "from universal_framework.observability.unified_logger import UniversalFrameworkLogger\n\n"
    "logger = UniversalFrameworkLogger('x')\n"
)
MANY = "import logging\n" + "".join(f"{name} = logging.getLogger('{name}')\n{name}.info('')\n" for name in "abc")


# -- the share ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "status"), [("66.67", 1), ("66.6", 0), ("66", 0), ("67", 1), ("0", 0), ("100", 1), ("1e1", 0)]
)
def test_share_fails_below_what_is_asked_for_and_findings_do_not(project, logshift, made, share, status):
    project({"a.py": RIGHT, "b.py": RIGHT, "c.py": made})
    told = logshift("check", "--fail-under", share)
    assert told.status == status
    assert ("Failed: compliance is 66.66 %, below the" in told.out) == (status == 1)
    assert ("The findings do not fail" in told.out) == (status == 0)
    assert logshift("check", "--fail-under", share, "--exit-zero").status == 0


def test_project_without_loggers_has_the_whole_share(project, logshift):
    project({"a.py": "x = 1\n"})
    assert logshift("check", "--fail-under", "100").status == 0


@pytest.mark.parametrize("share", ["-1", "100.1", "nan", "inf", "eighty", ""])
def test_what_is_no_share_is_refused(project, logshift, share):
    project({})
    told = logshift("check", f"--fail-under={share}")
    assert (told.status, told.out) == (2, "")
    assert "is not a figure between 0 and 100" in told.err


def test_suppressed_and_known_loggers_do_not_count_as_right(project, checked, logshift):
    project({"a.py": MANY.replace("'a')\n", "'a')  # logshift: ignore\n")})
    logshift("baseline", "create")
    report = checked("--fail-under", "1")
    assert (report["status"], report["totals"]["compliance"]) == (1, 0.0)
    assert report["gate"]["missed"] == ["compliance is 0 %, below the 1 % that are asked for"]


def test_new_findings_fail_beside_a_share_where_there_is_a_baseline(project, logshift, made):
    root = project({"a.py": RIGHT, "b.py": made})
    logshift("baseline", "create")
    assert logshift("check", "--fail-under", "10").status == 0
    (root / "c.py").write_text(made)
    assert logshift("check", "--fail-under", "10").status == 1
    assert logshift("check", "--fail-under", "10", "--no-baseline").status == 0


def test_file_that_cannot_be_analysed_is_more_than_a_share(project, logshift):
    project({"a.py": RIGHT, "b.py": "logging.getLogger(\n"})
    assert logshift("check", "--fail-under", "0").status == 3


# -- the ratchet -------------------------------------------------------------------------------------------


@pytest.fixture
def held(project, logshift):
    """Write files and a ratchet of what is found in them."""

    def write(files):
        root = project(files)
        assert logshift("ratchet", "create").status == 0
        return root

    return write


def counts(root):
    return [tuple(json.loads(line).values()) for line in (root / "logshift-ratchet.jsonl").read_text().splitlines()]


def test_ratchet_counts_by_rule_and_component_sorted(held):
    root = held({"z.py": MANY + "logging.info('')\n", "a.py": MANY})
    assert counts(root) == [("LS101", "a", 3), ("LS101", "z", 3), ("LS104", "z", 1)]


def test_counts_that_stay_or_fall_pass(held, logshift):
    root = held({"a.py": MANY})
    assert logshift("check", "--ratchet").status == 0
    (root / "a.py").write_text(MANY.replace("'a'", "'new'"))  # one goes, another comes
    assert logshift("check", "--ratchet").status == 0
    (root / "a.py").write_text("x = 1\n")
    told = logshift("check", "--ratchet")
    assert told.status == 0
    assert "logshift-ratchet.jsonl allows 3 more than there are: `logshift ratchet update` lowers it." in told.out


RISES = {
    "one more": {"a.py": MANY + "d = logging.getLogger('d')\nd.info('')\n"},
    "another rule": {"a.py": MANY + "logging.info('')\n"},
    "another component": {"a.py": MANY.replace("a = ", "x = ").partition("b =")[0], "b.py": MANY.partition("b =")[0]},
}


@pytest.mark.parametrize("rise", RISES)
def test_count_that_rises_anywhere_fails_whatever_falls_elsewhere(held, project, checked, rise):
    held({"a.py": MANY})
    project(RISES[rise])
    report = checked("--ratchet")
    assert report["status"] == 1
    (grown,) = report["gate"]["ratchet"]["grown"]
    assert grown["findings"] == grown["allowed"] + 1
    assert report["gate"]["passed"] is False


def test_update_lowers_and_never_raises(held, project, logshift):
    root = held({"a.py": MANY, "b.py": MANY})
    project({"a.py": MANY.partition("b =")[0], "b.py": MANY + "d = logging.getLogger('d')\nd.info('')\n"})
    told = logshift("ratchet", "update")
    assert told.status == 1
    assert "LS101 in b: 4, where the ratchet allows 3; it is not raised." in told.out
    assert counts(root) == [("LS101", "a", 1), ("LS101", "b", 3)]
    project({"b.py": "x = 1\n"})
    assert logshift("ratchet", "update").status == 0
    assert counts(root) == [("LS101", "a", 1)]


def test_update_leaves_what_was_not_looked_at_whole(held, project, logshift):
    config = "[target.components]\n'a/*.py' = 'shop'\n"
    root = held({"a/x.py": MANY, "a/y.py": MANY, "b.py": MANY, "logshift.toml": config})
    project({"a/x.py": "x = 1\n", "b.py": "x = 1\n"})
    assert logshift("ratchet", "update", "a/x.py").status == 0
    assert counts(root) == [("LS101", "b", 3), ("LS101", "shop", 6)]
    assert logshift("ratchet", "update").status == 0
    assert counts(root) == [("LS101", "shop", 3)]


def test_known_findings_count_for_the_ratchet_and_suppressed_ones_do_not(held, project, logshift):
    held({"a.py": MANY})
    logshift("baseline", "create")
    assert logshift("check", "--ratchet").status == 0
    project({"a.py": MANY + "d = logging.getLogger('d')  # logshift: ignore[LS101] -- agreed\nd.info('')\n"})
    assert logshift("check", "--ratchet").status == 0
    project({"a.py": MANY + "d = logging.getLogger('d')\nd.info('')\n"})
    logshift("baseline", "update")
    assert logshift("check").status == 0
    assert logshift("check", "--ratchet").status == 1


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_counts_that_a_merge_leaves_the_lower_one_holds(held, logshift, order):
    root = held({"a.py": MANY})
    file = root / "logshift-ratchet.jsonl"
    both = [file.read_text(), '{"code": "LS101", "component": "a", "findings": 2}\n']
    file.write_text("".join(both[::order]))
    assert "LS101 in a: 3, where the ratchet allows 2" in logshift("check", "--ratchet").out


def test_ratchet_that_is_missing_is_asked_for(project, logshift):
    project({})
    told = logshift("check", "--ratchet")
    assert (told.status, told.out) == (2, "")
    assert told.err == "logshift: logshift-ratchet.jsonl does not exist; `logshift ratchet create` makes it\n"
    assert logshift("ratchet", "update").status == 2


def test_create_does_not_raise_what_was_agreed_on(held, project, logshift):
    root = held({"a.py": "x = 1\n"})
    project({"a.py": MANY})
    assert logshift("ratchet", "create").status == 2
    assert counts(root) == []


def test_configured_ratchet_is_used(project, logshift):
    root = project({"a.py": MANY, "logshift.toml": "ratchet = 'ci.jsonl'\n"})
    assert logshift("ratchet", "create").status == 0
    assert (root / "ci.jsonl").exists()
    assert logshift("check", "--ratchet").status == 0
