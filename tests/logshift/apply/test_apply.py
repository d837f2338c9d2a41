"""A run writes all its files or none, and writes down beforehand what it is about to do."""

from __future__ import annotations

import json
import os
import stat
import sys

import pytest

from logshift import __version__
from logshift.apply import BusyError, Change, ChangedMeanwhileError, Journal, Status, apply
from logshift.apply import files as disk

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")


def test_run_writes_every_file_and_says_so_in_its_journal(files):
    files.write({"a.py": "a\n", "d/b.py": b"\xff\r\n", "c.txt": "c\n"})
    run = files.change()
    assert files.bytes() == {
        "a.py": b"a\n# new\n", "d": None, "d/b.py": b"\xff\r\n# new\n", "c.txt": b"c\n", ".logshift": None
    }  # fmt: skip
    record = files.journal.read(run)
    assert (record.status, record.tool, record.config) == (Status.COMMITTED, __version__, "config")
    assert [(entry.path, entry.before, entry.after) for entry in record.entries] == [
        ("a.py", disk.digest(b"a\n"), disk.digest(b"a\n# new\n")),
        ("d/b.py", disk.digest(b"\xff\r\n"), disk.digest(b"\xff\r\n# new\n")),
    ]
    assert sorted(os.listdir(".logshift")) == [".gitignore", "lock", "runs"]


def test_journal_is_ignored_by_git_by_its_own_file(files):
    files.write({"a.py": ""}).change()
    assert (files.root / ".logshift/.gitignore").read_text().endswith("\n*\n")
    (files.root / ".logshift/.gitignore").write_text("")  # as a run leaves it that is killed while it writes
    files.change()
    assert (files.root / ".logshift/.gitignore").read_text().endswith("\n*\n")


def test_runs_are_listed_in_order_whatever_the_clock_says(files):
    files.write({"a.py": ""})
    runs = [files.change() for _ in range(12)]
    assert [record.run for record in files.journal.runs()] == runs
    assert len(set(runs)) == 12
    assert [run.rpartition("-")[2] for run in runs] == [f"{number:04d}" for number in range(1, 13)]
    later = files.root / ".logshift/runs" / runs[0]
    later.rename(later.with_name("99991231T235959Z-0001"))  # a clock that has been wrong
    assert files.journal.runs()[-1].run == runs[-1]


@pytest.mark.parametrize("change", ["edited", "deleted", "replaced by a folder"])
def test_file_that_changed_since_it_was_read_stops_the_run_before_it_begins(files, change):
    files.write({"a.py": "a\n", "b.py": "b\n"})
    changes = [Change(name, (files.root / name).read_bytes(), b"new") for name in ("a.py", "b.py")]
    if change == "edited":
        files.write({"b.py": "c\n"})
    else:
        (files.root / "b.py").unlink()
    if change == "replaced by a folder":
        (files.root / "b.py").mkdir()
    with files.journal.locked(), pytest.raises((ChangedMeanwhileError, OSError)):
        apply(files.journal, changes, "config")
    assert files.bytes()["a.py"] == b"a\n"
    assert files.journal.runs() == []


def test_file_that_changes_during_the_run_is_left_and_the_others_are_taken_back(files, monkeypatch):
    files.write({"a.py": "a\n", "b.py": "b\n", "c.py": "c\n"})
    real = disk.replace

    def replace(path, *arguments):
        real(path, *arguments)
        if path.endswith("a.py"):
            files.write({"b.py": "somebody else's\n"})

    monkeypatch.setattr(disk, "replace", replace)
    with pytest.raises(ChangedMeanwhileError, match=r"b\.py"):
        files.change()
    expected = {"a.py": b"a\n", "b.py": b"somebody else's\n", "c.py": b"c\n", ".logshift": None}
    assert files.bytes() == expected
    assert [record.status for record in files.journal.runs()] == [Status.UNDONE]


@posix
def test_file_behind_a_link_is_written_once_and_the_link_stays(files):
    files.write({"real/a.py": "a\n"})
    (files.root / "link.py").symlink_to("real/a.py")
    run = files.change("link.py")
    assert os.readlink("link.py") == "real/a.py"
    assert (files.root / "real/a.py").read_bytes() == b"a\n# new\n"
    assert [entry.path for entry in files.journal.read(run).entries] == ["real/a.py"]


@posix
def test_project_reached_through_a_link_is_the_same_project(files, monkeypatch):
    files.write({"project/a.py": "a\n"})
    (files.root / "link").symlink_to("project", target_is_directory=True)
    link = type(files)(files.root / "link")
    run = link.change("a.py")
    assert [entry.path for entry in Journal(str(files.root / "project")).read(run).entries] == ["a.py"]


def test_file_outside_the_project_is_written_down_with_its_whole_path(files, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "a.py"
    other.write_bytes(b"a\n")
    with files.journal.locked():
        run = apply(files.journal, [Change(str(other), b"a\n", b"new")], "config")
    assert [entry.path for entry in files.journal.read(run).entries] == [str(other)]
    assert other.read_bytes() == b"new"


@posix
def test_stored_originals_are_for_those_who_may_read_the_file(files):
    files.write({"a.py": "", "b.py": "", "c.py": ""})
    modes = {"a.py": 0o644, "b.py": 0o600, "c.py": 0o4750}
    for name, mode in modes.items():
        (files.root / name).chmod(mode)
    run = files.change()
    stored = sorted((files.root / ".logshift/runs" / run / "before").iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in stored] == [0o644, 0o600, 0o750]


def test_names_that_are_not_text_are_written_down(files):
    if sys.platform in ("win32", "darwin"):
        pytest.skip("names have to be text here")
    name = os.fsdecode(b"caf\xe9.py")
    files.write({name: "a\n"})
    run = files.change()
    assert [entry.path for entry in files.journal.read(run).entries] == [name]
    lines = (files.root / ".logshift/runs" / run / "journal.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["step"] for line in lines] == ["begin", "committed"]


def test_lock_is_for_one(files):
    with files.journal.locked():
        assert files.journal.is_locked()
        with pytest.raises(BusyError, match="another logshift run is changing files in"), files.journal.locked():
            pass
        assert files.journal.is_locked(), "whoever asks in vain leaves it alone"
    assert not files.journal.is_locked()


def test_asking_for_the_lock_changes_nothing(files):
    assert not files.journal.is_locked()
    assert files.everything() == {}
    files.write({"a.py": ""}).change()
    lock = files.root / ".logshift/lock"
    os.utime(lock, ns=(1, 1))
    assert not files.journal.is_locked()
    assert lock.stat().st_mtime_ns == 1
    assert files.journal.exists
