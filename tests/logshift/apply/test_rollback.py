"""What was written can be taken back: all of it or some, later or at once, but never over somebody's own changes."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys

import pytest

from logshift.apply import Journal, Status
from logshift.apply.files import digest

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")

SOURCE = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef run():\n    logger.info('%s')\n"


@pytest.fixture
def project(files):
    """Return a project of three modules with a legacy logger each."""
    names = ("a", "pkg/b", "pkg/c")
    files.write({f"{name}.py": SOURCE.replace("%s", name) for name in names} | {"pkg/__init__.py": ""})
    return files


def changed(project, before):
    return sorted(name for name, data in project.bytes().items() if name in before and before[name] != data)


def test_rollback_restores_bytes_permissions_and_times(project, logshift):
    (project.root / "a.py").chmod(0o600)
    os.utime("a.py", ns=(1_000_000_000, 2_123_456_789))
    before = project.bytes()
    assert logshift("migrate").status == 0
    assert changed(project, before) == ["a.py", "pkg/b.py", "pkg/c.py"]
    told = logshift("rollback")
    assert told.status == 0
    assert re.fullmatch(r"Run \S+: 3 of 3 files restored\.\n", told.out)
    assert {name: data for name, data in project.bytes().items() if name != ".logshift"} == before
    status = (project.root / "a.py").stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_mtime_ns == 2_123_456_789


def test_rollback_works_without_git(project, logshift, monkeypatch):
    before = project.bytes()
    monkeypatch.setenv("PATH", "")
    logshift("migrate")
    logshift("rollback")
    assert changed(project, before) == []


def test_hint_of_migrate_names_the_run_to_roll_back(project, logshift):
    before = project.bytes()
    found = re.search(r"`logshift (rollback \S+)` restores every byte", logshift("migrate").out)
    assert logshift(*found.group(1).split()).status == 0
    assert changed(project, before) == []


def test_rollback_of_some_paths_leaves_the_others(project, logshift):
    before = project.bytes()
    logshift("migrate")
    assert "1 of 1 file restored" in logshift("rollback", "pkg/b.py").out
    assert changed(project, before) == ["a.py", "pkg/c.py"]
    assert project.journal.runs()[0].status is Status.COMMITTED
    assert "1 restored  committed" in logshift("runs").out
    assert "2 of 2 files restored" in logshift("rollback", ".").out
    assert changed(project, before) == []
    assert project.journal.runs()[0].status is Status.ROLLED_BACK


def test_rollback_of_a_folder_is_of_the_files_below_it(project, logshift, monkeypatch):
    before = project.bytes()
    logshift("migrate")
    monkeypatch.chdir("pkg")
    assert "2 of 2 files restored" in logshift("rollback", ".").out
    assert changed(project, before) == ["a.py"]


def test_rollback_of_the_same_paths_twice_restores_them_once(project, logshift):
    before = project.bytes()
    run = re.search(r"rollback (\S+)`", logshift("migrate").out).group(1)
    assert "2 of 2 files restored" in logshift("rollback", run, "pkg").out
    project.write({"pkg/b.py": "mine = 1\n"})
    told = logshift("rollback", run, "pkg")
    assert (told.status, told.out) == (0, f"Run {run}: these files are restored already.\n")
    assert changed(project, before) == ["a.py", "pkg/b.py"]
    assert "1 of 1 file restored" in logshift("rollback", run).out
    assert changed(project, before) == ["pkg/b.py"]


def test_rollback_of_a_run_that_is_rolled_back_does_nothing(project, logshift):
    run = re.search(r"rollback (\S+)`", logshift("migrate").out).group(1)
    logshift("rollback")
    before = project.everything()
    told = logshift("rollback", run)
    assert (told.status, told.out) == (0, f"Run {run} is rolled back: there is nothing to roll back.\n")
    told = logshift("rollback")
    assert (told.status, told.out) == (0, "There is nothing to roll back.\n")
    assert project.everything() == before


def test_rollback_goes_back_run_by_run(project, logshift):
    project.write({"later.py": "x = 1\n"})
    first = project.bytes()
    logshift("migrate")
    project.write({"later.py": SOURCE})
    second = project.bytes()
    logshift("migrate")
    logshift("rollback")
    assert changed(project, second) == []
    logshift("rollback")
    assert changed(project, {name: data for name, data in first.items() if name != "later.py"}) == []
    assert [line.split("  ")[-1] for line in logshift("runs").out.splitlines()] == ["rolled back", "rolled back"]


def test_rollback_of_a_path_finds_the_run_that_changed_it(project, logshift):
    before = project.bytes()
    logshift("migrate", "a.py")
    logshift("migrate", "pkg")
    assert "1 of 1 file restored" in logshift("rollback", "a.py").out
    assert changed(project, before) == ["pkg/b.py", "pkg/c.py"]


def test_rollback_of_an_earlier_run_refuses_what_a_later_one_has_changed(files, logshift):
    files.write({"a.py": "a\n", "b.py": "b\n"})
    first = files.change()
    files.change("a.py", by=b"# newer\n")
    told = logshift("rollback", first)
    assert (told.status, told.out) == (1, f"Run {first}: 1 of 2 files restored.\n")
    assert "a.py is left as it is: it has changed since" in told.err
    assert files.bytes()["a.py"] == b"a\n# new\n# newer\n"


# -- what has changed since --------------------------------------------------------------------------------


def test_rollback_refuses_a_file_changed_since_and_restores_the_others(project, logshift):
    before = project.bytes()
    logshift("migrate")
    edited = project.bytes()["a.py"] + b"# mine\n"
    project.write({"a.py": edited})
    told = logshift("rollback")
    run = project.journal.runs()[0].run
    assert told.status == 1
    assert told.out == f"Run {run}: 2 of 3 files restored.\n"
    assert told.err == (
        "logshift: a.py is left as it is: it has changed since\n"
        f"Hint: `logshift rollback {run} --force` restores what has changed all the same.\n"
    )
    assert project.bytes()["a.py"] == edited
    assert "1 of 1 file restored" in logshift("rollback", run, "--force").out
    assert changed(project, before) == []


def test_rollback_of_a_file_that_is_as_it_was_is_done_already(project, logshift):
    before = project.bytes()
    logshift("migrate")
    project.write({"a.py": before["a.py"]})  # git checkout
    assert "3 of 3 files restored" in logshift("rollback").out
    assert changed(project, before) == []


@pytest.mark.parametrize("which", ["pkg/b.py", "pkg"])
def test_deleted_file_comes_back_by_force_alone(project, logshift, which):
    before = project.bytes()
    logshift("migrate")
    path = project.root / which
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    told = logshift("rollback", "pkg/b.py")
    assert told.status == 1
    assert "pkg/b.py is left as it is: it has been deleted since" in told.err
    assert "1 of 1 file restored" in logshift("rollback", "pkg/b.py", "--force").out
    assert project.bytes()["pkg/b.py"] == before["pkg/b.py"]


@posix
def test_file_behind_a_link_is_restored_and_the_link_stays(files, logshift):
    files.write({"real/a.txt": SOURCE})
    (files.root / "a.py").symlink_to("real/a.txt")
    logshift("migrate")
    assert b"UniversalFrameworkLogger" in (files.root / "real/a.txt").read_bytes()
    assert "1 of 1 file restored" in logshift("rollback", "a.py").out
    assert (os.readlink("a.py"), (files.root / "real/a.txt").read_text()) == ("real/a.txt", SOURCE)


@pytest.mark.parametrize("damage", ["altered", "lost"])
def test_stored_original_that_is_not_what_it_was_is_not_put_back(project, logshift, damage):
    logshift("migrate")
    after = project.bytes()
    stored = next((project.root / ".logshift/runs").glob("*/before/00001"))
    stored.unlink() if damage == "lost" else stored.write_bytes(b"something else")
    for force in ([], ["--force"]):
        told = logshift("rollback", *force)
        assert told.status == 1
        assert "pkg/b.py is left as it is: its stored original" in told.err
        assert project.bytes()["pkg/b.py"] == after["pkg/b.py"]


@posix
@pytest.mark.parametrize("state", ["ended", "cut short"])
def test_journal_does_not_lead_out_of_the_project_unless_forced(files, logshift, tmp_path_factory, state):
    """A journal may have come with a repository: what it says of files elsewhere is not to be believed."""
    home = tmp_path_factory.mktemp("home")
    for name in ("profile", "config"):
        (home / name).write_bytes(b"known\n")
    files.write({"a.py": "a\n", "b.py": "b\n"})
    (files.root / "way").symlink_to(home, target_is_directory=True)
    path = files.root / ".logshift/runs" / files.change() / "journal.jsonl"
    text = path.read_text().replace('"a.py"', f'"{home}/profile"').replace('"b.py"', '"way/config"')
    for old in (b"a\n# new\n", b"b\n# new\n"):
        text = text.replace(digest(old), digest(b"known\n"))
    path.write_text(text if state == "ended" else text.splitlines(keepends=True)[0])
    for command in ["rollback", "migrate", "rollback"] if state == "cut short" else ["rollback", "rollback"]:
        told = logshift(command)
        assert told.status == 2
        assert told.err.count("it lies outside the project; --force restores it") == 2
        assert {one.read_bytes() for one in home.iterdir()} == {b"known\n"}
    assert logshift("rollback", "--force").status == 0
    assert [(home / name).read_bytes() for name in ("profile", "config")] == [b"a\n", b"b\n"]


# -- commands ----------------------------------------------------------------------------------------------


def test_names_that_mean_nothing_are_told_of(project, logshift):
    for arguments in (["nonsense"], ["20260101T000000Z-0001"], ["pkg/__init__.py"], [".."]):
        told = logshift("rollback", *arguments)
        assert (told.status, told.out) == (2, "")
        assert f"no run is called {arguments[0]}, and no run has changed a file there" in told.err
        assert not os.path.exists(".logshift")
    logshift("migrate")
    for arguments in (["nonsense"], ["20260101T000000Z-0001"], ["pkg/__init__.py"]):
        assert logshift("rollback", *arguments).status == 2


def test_nothing_to_roll_back_leaves_no_folder(project, logshift):
    told = logshift("rollback")
    assert (told.status, told.out, told.err) == (0, "There is nothing to roll back.\n", "")
    assert not os.path.exists(".logshift")


def test_migration_that_moves_nothing_leaves_no_folder(files, logshift):
    files.write({"a.py": "x = 1\n"})
    told = logshift("migrate")
    assert (told.status, told.out, told.err) == (0, "Nothing to do.\n", "")
    assert list(files.everything()) == ["a.py"]


def test_second_migration_writes_nothing(project, logshift):
    logshift("migrate")
    before = project.everything()
    assert logshift("migrate") == (0, "Nothing to do.\n", "")
    assert project.everything() == before


def test_migration_in_a_subfolder_is_of_the_same_project(project, logshift, monkeypatch):
    project.write({"pyproject.toml": ""})
    before = project.bytes()
    monkeypatch.chdir("pkg")
    logshift("migrate", "b.py")
    assert os.path.exists("../.logshift")
    monkeypatch.chdir("..")
    logshift("rollback")
    assert changed(project, before) == []


def test_runs_of_a_file_in_the_place_of_the_folder(project, logshift):
    project.write({".logshift": "mine\n"})
    assert logshift("runs").out == "No migration has been run here.\n"
    assert logshift("check").status == 1
    for command in ("migrate", "rollback"):
        told = logshift(command)
        assert told.status == 2
        assert re.search(r"cannot write: .*\.logshift", told.err)
    assert project.everything()[".logshift"] == b"mine\n"


def test_git_does_not_see_the_journal(project, logshift, git):
    git(".", "init", "-q")
    logshift("migrate")
    listed = git(".", "status", "--short", "-uall").stdout.decode()
    assert ".logshift" not in listed
    assert "a.py" in listed


def test_journal_is_found_again_when_the_project_has_moved(project, logshift, monkeypatch, tmp_path_factory):
    before = project.bytes()
    logshift("migrate")
    moved = tmp_path_factory.mktemp("moved") / "project"
    shutil.move(project.root, moved)
    project.root.mkdir()
    monkeypatch.chdir(moved)
    assert logshift("rollback").status == 0
    assert changed(type(project)(moved), before) == []
    assert Journal(str(moved)).runs()[0].status is Status.ROLLED_BACK
