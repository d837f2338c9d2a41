"""Two runs at once: the second is told so and changes nothing; a run that is going on is no crash."""

from __future__ import annotations

import sys

import pytest

from logshift.apply import Status

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

SOURCE = "import logging\n\nlogger = logging.getLogger(__name__)\nlogger.info('{0}')\n"


@pytest.fixture
def running(files, points, faulty, until, tmp_path_factory):
    """Return a project in the middle of whose migration another process stands, and a way to let it go on."""
    files.write({f"m{number}.py": SOURCE.format(number) for number in range(4)} | {"pyproject.toml": ""})
    old = files.bytes()
    note = tmp_path_factory.mktemp("note") / "note"
    middle = points(files, "cli", "migrate") - 10
    process = faulty(files.root, "wait", middle, "cli", "migrate", wait=False, note=note)

    def go_on():
        note.with_name("note.go").touch()
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out

    try:
        until(lambda: note.exists() or process.poll() is not None)
        now = files.bytes()
        assert 0 < sum(now[name] != data for name, data in old.items()) < 4, "it stands in the middle"
        yield files, go_on
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", ["migrate", "rollback"])
def test_second_run_is_refused_and_changes_nothing(running, logshift, command):
    files, go_on = running
    before = files.everything()
    told = logshift(command)
    assert (told.status, told.out) == (2, "")
    assert told.err == (
        f"logshift: another logshift run is changing files in {files.root}; try again when it has ended\n"
    )
    assert files.everything() == before
    assert "4 loggers moved in 4 files" in go_on()
    assert [record.status for record in files.journal.runs()] == [Status.COMMITTED]


def test_live_run_is_not_told_of_as_a_crash(running, logshift):
    files, go_on = running
    before = files.everything()
    told = logshift("check")
    assert told.err == ""
    assert files.everything() == before
    assert logshift("migrate", "--diff").err == ""
    assert logshift("runs").out.endswith("4 files  open\n")
    go_on()
    assert logshift("check").status == 0


def test_run_that_ended_while_another_was_planned_is_noticed(files, logshift, monkeypatch):
    """Without a journal folder the plan is made before the lock is taken; what it was made from is looked at again."""
    from logshift.cli import app

    files.write({"a.py": SOURCE.format(1), "pyproject.toml": ""})
    real = app._planned

    def planned(paths, settings, **options):
        done = real(paths, settings, **options)
        files.write({"a.py": "somebody = 'else'\n"})
        return done

    monkeypatch.setattr(app, "_planned", planned)
    told = logshift("migrate")
    assert told.status == 2
    assert told.err == "logshift: a.py changed while it was being migrated; nothing was written, run again\n"
    assert files.bytes()["a.py"] == b"somebody = 'else'\n"
    assert logshift("runs").out == "No migration has been run here.\n"


def test_check_that_looks_at_the_lock_does_not_turn_a_run_away(files, until):
    """It holds the lock for a moment; whoever wants to write waits for longer than that."""
    fcntl = pytest.importorskip("fcntl")
    import os
    import threading

    files.write({"a.py": ""}).change()
    descriptor = os.open(files.root / ".logshift/lock", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    threading.Timer(0.05, os.close, [descriptor]).start()
    with files.journal.locked():
        assert True
