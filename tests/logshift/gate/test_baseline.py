"""What is in the baseline is known, wherever it moves; what is not is new, however alike it looks."""

from __future__ import annotations

import json

import pytest

TWO = "import logging\n\na = logging.getLogger('a')\na.info('x')\n\n\ndef f():\n    b = logging.getLogger('b')\n    b.info('x')\n"


@pytest.fixture
def known(project, logshift):
    """Write files and a baseline of what is found in them."""

    def write(files):
        root = project(files)
        assert logshift("baseline", "create").status == 0
        return root

    return write


def lines(root, name="logshift-baseline.jsonl"):
    return [json.loads(line) for line in (root / name).read_text().splitlines()]


def test_known_findings_are_counted_apart_and_do_not_fail(known, logshift, checked):
    known({"a.py": TWO})
    report = checked()
    assert (report["status"], report["findings"], len(report["known"])) == (0, [], 2)
    totals = report["totals"]
    assert (totals["findings"], totals["known"], totals["legacy_bindings"], totals["compliance"]) == (0, 2, 2, 0.0)
    assert "Not counted: 2 in the baseline." in logshift("check").out
    assert checked("--no-baseline")["status"] == 1


def test_baseline_has_a_sorted_line_for_each_finding_and_is_the_same_from_anywhere(known, logshift, monkeypatch, made):
    root = known({"b/z.py": TWO, "a.py": made, "b/c.py": made})
    text = (root / "logshift-baseline.jsonl").read_text()
    entries = lines(root)
    assert [one["path"] for one in entries] == ["a.py", "b/c.py", "b/z.py", "b/z.py"]
    assert all(list(one) == ["path", "code", "fingerprint", "message"] for one in entries)
    assert entries == sorted(entries, key=lambda one: (one["path"], one["code"], one["fingerprint"]))
    monkeypatch.chdir(root / "b")
    assert logshift("baseline", "create", "--force", root).status == 0
    assert (root / "logshift-baseline.jsonl").read_text() == text


MOVED = {
    "lines above": lambda root: (root / "a.py").write_text("# one\n\n# two\n" + TWO),
    "a new layout": lambda root: (root / "a.py").write_text(TWO.replace("logging.getLogger('a')", 'logging.getLogger(\n    "a",\n)')),
    "a new name": lambda root: (root / "a.py").rename(root / "other.py"),
    "a new folder": lambda root: ((root / "x").mkdir(), (root / "a.py").rename(root / "x/a.py")),
    "an alias": lambda root: (root / "a.py").write_text(TWO.replace("import logging", "import logging as l").replace("logging.g", "l.g")),
}  # fmt: skip


@pytest.mark.parametrize("change", MOVED)
def test_known_finding_stays_known_after(known, checked, change):
    root = known({"a.py": TWO})
    MOVED[change](root)
    report = checked()
    assert (report["status"], len(report["known"]), report["gate"]["baseline"]["gone"]) == (0, 2, [])


NEW = {
    "the same statement in another file": lambda root: (root / "b.py").write_text(TWO.partition("\n\n\n")[0] + "\n"),
    "the same statement once more": lambda root: (root / "a.py").write_text(TWO + "    b = logging.getLogger('b')\n    b.info('')\n"),
    "another name": lambda root: (root / "a.py").write_text(TWO.replace("'b'", "'c'")),
    "another function": lambda root: (root / "a.py").write_text(TWO.replace("def f", "def g")),
    "a moved statement, its file still there": lambda root: (
        (root / "a.py").write_text(TWO.replace("a = logging.getLogger('a')\na.info('x')\n", "")),
        (root / "b.py").write_text("import logging\na = logging.getLogger('a')\na.info('x')\n"),
    ),
    "a renamed file and a copy of it": lambda root: (
        (root / "a.py").rename(root / "b.py"),
        (root / "c.py").write_text(TWO.partition("\n\n\n")[0] + "\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", NEW)
def test_what_only_looks_like_a_known_finding_is_new(known, checked, change):
    root = known({"a.py": TWO})
    NEW[change](root)
    report = checked()
    assert (report["status"], len(report["findings"])) == (1, 1)


def test_entry_that_nothing_is_found_of_is_told_and_pruned(known, logshift, checked):
    root = known({"a.py": TWO, "b.py": TWO})
    (root / "a.py").write_text("x = 1\n")
    assert {one["path"] for one in checked()["gate"]["baseline"]["gone"]} == {"a.py"}
    told = logshift("check")
    assert (
        "logshift-baseline.jsonl has 2 entries that nothing is found of any more: `logshift baseline prune`" in told.out
    )
    assert logshift("baseline", "prune").out == "logshift-baseline.jsonl: 2 findings (2 found no more).\n"
    assert {one["path"] for one in lines(root)} == {"b.py"}
    assert "prune" not in logshift("check").out


def test_prune_adds_nothing_and_update_does(known, logshift, made):
    root = known({"a.py": TWO})
    (root / "b.py").write_text(made)
    assert "nothing changed" in logshift("baseline", "prune").out
    assert logshift("check").status == 1
    assert logshift("baseline", "update").out == "logshift-baseline.jsonl: 3 findings (1 added).\n"
    assert logshift("check").status == 0


def test_update_writes_the_new_name_of_a_renamed_file(known, logshift):
    root = known({"a.py": TWO})
    (root / "a.py").rename(root / "b.py")
    assert "2 in renamed files" in logshift("baseline", "update").out
    assert {one["path"] for one in lines(root)} == {"b.py"}


def test_what_was_not_looked_at_is_not_gone(known, logshift, checked):
    root = known({"a/a.py": TWO, "b/b.py": TWO, "c.py": TWO})
    (root / "b/b.py").write_text("x = 1\n")
    (root / "c.py").write_text("import logging\nlogging.getLogger(\n")
    report = checked("a")
    assert (report["status"], report["gate"]["baseline"]["gone"]) == (0, [])
    assert logshift("baseline", "prune", "a").status == 0
    assert len(lines(root)) == 6
    assert logshift("baseline", "prune").status == 3  # nothing is known of c.py
    assert {one["path"] for one in lines(root)} == {"a/a.py", "c.py"}


def test_create_does_not_overwrite_what_was_agreed_on(known, logshift):
    root = known({"a.py": TWO})
    (root / "a.py").write_text("x = 1\n")
    before = (root / "logshift-baseline.jsonl").read_text()
    told = logshift("baseline", "create")
    assert (told.status, told.out) == (2, "")
    assert "logshift-baseline.jsonl exists; `logshift baseline update`" in told.err
    assert (root / "logshift-baseline.jsonl").read_text() == before
    assert logshift("baseline", "create", "--force").status == 0
    assert lines(root) == []


def test_configured_baseline_is_used_and_missed_where_it_is_not(project, logshift, made):
    root = project({"a.py": made, "logshift.toml": "baseline = 'ci/known.jsonl'\n", "ci/x": ""})
    told = logshift("check")
    assert (told.status, told.out) == (2, "")
    assert told.err == "logshift: ci/known.jsonl does not exist; `logshift baseline create` makes it\n"
    assert logshift("baseline", "create").status == 0
    assert (root / "ci/known.jsonl").exists()
    assert logshift("check").status == 0
    assert logshift("check", "--baseline", "other.jsonl").status == 2
    assert logshift("baseline", "create", "--baseline", "other.jsonl").status == 0
    assert logshift("check", "--baseline", "other.jsonl").status == 0
    assert logshift("check", "--baseline", "other.jsonl", "--no-baseline").status == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("<<<<<<< HEAD", "logshift-baseline.jsonl:1: git left a conflict; keep the lines of both sides"),
        ("nonsense", "logshift-baseline.jsonl:1: is not an object of path, code, fingerprint, message"),
        ("[]", "logshift-baseline.jsonl:1: is not an object of"),
        ('{"path": "a.py", "code": "LS101", "fingerprint": 1, "message": ""}', "logshift-baseline.jsonl:1: is not an object of"),
        ("\udcff", "logshift-baseline.jsonl: is not UTF-8"),
    ],
)  # fmt: skip
def test_broken_baseline_is_told_with_its_line_and_stops_the_gate(project, logshift, line, told, made):
    project({"a.py": made, "logshift-baseline.jsonl": line.encode("utf-8", "surrogateescape") + b"\n"})
    for command in ("check", "baseline update", "baseline prune"):
        done = logshift(*command.split())
        assert (done.status, done.out) == (2, "")
        assert told in done.err


def test_baselines_of_two_branches_merge_line_by_line(repository, logshift, made):
    git = repository({f"{name}.py": made for name in "adgjm"} | {"logshift-baseline.jsonl": ""})
    logshift("baseline", "update")
    git("commit", "-qam", "known")
    git("switch", "-qc", "other")
    (git.root / "b.py").write_text(made)
    (git.root / "a.py").unlink()
    logshift("baseline", "update")
    git("add", "-A")
    git("commit", "-qm", "other")
    git("switch", "-q", "main")
    (git.root / "k.py").write_text(made)
    logshift("baseline", "update")
    git("add", "-A")
    git("commit", "-qm", "main")
    git("merge", "-q", "other", "-m", "both")
    assert [one["path"] for one in lines(git.root)] == ["b.py", "d.py", "g.py", "j.py", "k.py", "m.py"]
    assert logshift("check").status == 0


def test_a_line_that_a_union_merge_repeats_is_one_entry(known, checked):
    root = known({"a.py": TWO})
    file = root / "logshift-baseline.jsonl"
    file.write_text(file.read_text() * 2 + "\n")
    assert checked()["gate"]["baseline"] == {"file": "logshift-baseline.jsonl", "entries": 2, "gone": []}


def test_name_that_is_no_text_is_known_too(project, logshift, made):
    root = project({})
    (root / "a\udcff.py").write_text(made)
    assert logshift("baseline", "create").status == 0
    assert logshift("check").status == 0


def test_migrate_moves_known_loggers_and_suppressed_ones_leave_the_baseline(known, logshift, checked):
    root = known({"a.py": TWO})
    (root / "a.py").write_text(TWO.replace("'b')\n", "'b')  # logshift: ignore\n"))
    report = checked()
    assert (len(report["known"]), len(report["suppressed"])) == (1, 1)
    assert len(report["gate"]["baseline"]["gone"]) == 1
    assert logshift("migrate").status == 0
    assert "UniversalFrameworkLogger" in (root / "a.py").read_text()


def test_a_baseline_that_cannot_be_written_is_told(project, logshift, made):
    project({"a.py": made})
    told = logshift("baseline", "create", "--baseline", "no/such/folder.jsonl")
    assert (told.status, told.out) == (2, "")
    assert told.err == "logshift: no/such/folder.jsonl: cannot be written: No such file or directory\n"
