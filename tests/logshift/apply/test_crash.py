"""A run that is killed, interrupted or runs out of room: nothing is ever half there, and nothing is left lying about.

Every fault is met by a process of its own, at a point that its operating system calls mark out (`faulty.py`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys

import pytest

from logshift.apply import Status, recover, rollback

FULL = bool(os.environ.get("LOGSHIFT_FULL"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def sample(points, number):
    """Return all points from 1, or `number` of them spread evenly, the first and the last among them."""
    if FULL or points <= number:
        return list(range(1, points + 1))
    return sorted({1 + round(index * (points - 1) / (number - 1)) for index in range(number)})


SMALL = {"a.py": "a\n", "b/b.py": "b\n", "c.py": "c\n", "other.txt": "x\n"}


def new(files):
    return {
        name: data + b"# new\n" if name.endswith(".py") else data for name, data in files.items() if data is not None
    }


def contents(files):
    return {name: data for name, data in files.bytes().items() if data is not None}


@pytest.fixture
def copies(files, tmp_path_factory):
    """Return copies of the project as it is now."""

    def copy():
        root = tmp_path_factory.mktemp("copy") / "project"
        shutil.copytree(files.root, root)
        return type(files)(root)

    return copy


def assert_whole(files, old):
    """Every file has its old bytes or its new ones."""
    now = contents(files)
    fresh = new(old)
    assert {
        name: data for name, data in now.items() if ".logshift" not in name and data not in (old[name], fresh[name])
    } == {}
    assert set(old) <= set(now)


# -- killed ------------------------------------------------------------------------------------------------


@pytest.mark.campaign
@pytest.mark.parametrize("fault", ["kill", "torn"])
def test_run_that_is_killed_is_undone_by_the_next(files, copies, points, faulty, killed, fault):
    old = contents(files.write(SMALL))
    number = points(files, "apply")
    assert number > 30, "files, originals, journal, mark: each is opened, synced, renamed, …"
    ends = set()
    for point in sample(number, 12):
        copy = copies()
        assert faulty(copy.root, fault, point, "apply").status == killed
        assert_whole(copy, old)
        begun = contents(copy) == new(old)
        with copy.journal.locked():
            recovered = recover(copy.journal)
            assert recover(copy.journal) is None
        assert copy.strays() == []
        assert contents(copy) in (old, new(old))
        if recovered is not None:
            assert [one for one in recovered.files if one.refused] == []
            assert contents(copy) == old
        assert contents(copy) == old or begun
        ends.add(tuple(record.status for record in copy.journal.runs()))
        assert not (copy.root / ".logshift/open").exists()
        kept = list((copy.root / ".logshift/runs").iterdir())
        assert len(kept) == len(copy.journal.runs()), "what never began leaves nothing behind"
    assert (Status.UNDONE,) in ends


@pytest.mark.campaign
@pytest.mark.parametrize("fault", ["kill", "torn"])
def test_rollback_that_is_killed_is_completed_by_the_next(files, copies, points, faulty, killed, fault):
    old = contents(files.write(SMALL))
    files.change()
    written = contents(files)
    for point in sample(points(files, "rollback"), 10):
        copy = copies()
        assert faulty(copy.root, fault, point, "rollback").status == killed
        assert_whole(copy, old)
        with copy.journal.locked():
            recovered = recover(copy.journal)
            assert recover(copy.journal) is None
        assert copy.strays() == []
        status = copy.journal.runs()[0].status
        if status is Status.COMMITTED:  # it had not begun
            assert (recovered, contents(copy)) == (None, written)
        else:
            assert (status, contents(copy)) == (Status.ROLLED_BACK, old)


@pytest.mark.campaign
def test_recovery_that_is_killed_is_completed_by_the_next(files, copies, points, faulty, killed):
    old = contents(files.write(SMALL))
    assert faulty(files.root, "kill", points(files, "apply") - 3, "apply").status == killed
    assert contents(files) != old
    for point in sample(points(files, "cli", "rollback"), 6):
        copy = copies()
        assert faulty(copy.root, "kill", point, "cli", "rollback").status == killed
        assert_whole(copy, old)
        with copy.journal.locked():
            recover(copy.journal)
        assert (contents(copy), copy.strays()) == (old, [])


SOURCES = (
    "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef run(n):\n    logger.info('%d of {0}', n)\n",
    "import structlog\n\n\ndef run(n):\n    log = structlog.get_logger('job_{0}')\n    log.info('done', number=n)\n",
    "from logging import getLogger\r\n\r\nLOG = getLogger('app.{0}')\r\n\r\nLOG.debug('{0}')\r\n",
    "x = {0}\n",
)


@pytest.fixture
def forty(files):
    """Return a project of 40 small files, of which 30 have loggers to move."""
    files.write({f"app/m{number:02d}.py": SOURCES[number % 4].format(number) for number in range(40)})
    return files.write({"app/__init__.py": "", "pyproject.toml": "[tool.logshift]\n"})


@pytest.mark.campaign
def test_migration_that_is_killed_is_told_of_by_check_and_put_in_order_by_the_next(
    forty, copies, points, faulty, killed, logshift, monkeypatch
):
    old = contents(forty)
    done = copies()
    monkeypatch.chdir(done.root)
    logshift("migrate")
    moved = contents(done)
    assert sum(moved[name] != data for name, data in old.items()) == 30
    number = points(forty, "cli", "migrate")
    assert number > 200
    told_of = 0
    for index, point in enumerate(sample(number, 9)):
        copy = copies()
        assert faulty(copy.root, "kill", point, "cli", "migrate").status == killed
        monkeypatch.chdir(copy.root)
        now = {name: data for name, data in contents(copy).items() if name in old}
        assert [name for name in old if now[name] not in (old[name], moved[name])] == []
        everything = copy.everything()
        told = logshift("check")
        assert copy.everything() == everything, "`check` changes nothing"
        cut_short = "was cut short; `logshift rollback` or the next `logshift migrate` puts its files in order"
        assert told.out.count("legacy logger") >= 1
        if now not in (old, moved):
            assert cut_short in told.err
        told_of += cut_short in told.err
        command, expected = (("migrate", moved), ("rollback", old))[index % 2]
        told = logshift(command)
        assert told.status == 0, told
        assert {name: data for name, data in contents(copy).items() if name != ".logshift"} == expected
        assert (copy.strays(), logshift("check").err) == ([], "")
        if command == "migrate":
            assert logshift("rollback").status == 0
            assert contents(copy) == old
    assert told_of >= 4


@pytest.mark.campaign
def test_migration_that_is_killed_from_outside_is_put_in_order(
    forty, copies, faulty, killed, logshift, monkeypatch, until
):
    """At no chosen point: as soon as a given number of files is seen to have changed."""
    old = contents(forty)
    for wanted in [0, 1, 7, 20, 29] if FULL else [1, 15]:
        copy = copies()
        process = faulty(copy.root, "none", 0, "cli", "migrate", wait=False)
        first = [copy.root / name for name in old if name.startswith("app/m")]
        until(lambda: sum(path.read_bytes() != old[f"app/{path.name}"] for path in first) >= wanted)  # noqa: B023
        process.kill()
        process.communicate()
        assert process.returncode in (killed, 0)
        monkeypatch.chdir(copy.root)
        assert logshift("rollback").status == 0
        assert (contents(copy), copy.strays()) == (old, [])


def test_rollback_after_a_crash_undoes_that_run_and_no_other(files, faulty, points, killed, logshift):
    files.write(SMALL)
    files.change(by=b"# first\n")
    first = contents(files)
    assert faulty(files.root, "kill", points(files, "apply") - 4, "apply").status == killed
    assert contents(files) != first
    told = logshift("rollback")
    assert (told.status, told.out) == (0, "")
    assert "-0002 was cut short; it has been undone" in told.err
    assert contents(files) == first
    assert [record.status for record in files.journal.runs()] == [Status.COMMITTED, Status.UNDONE]


def test_undone_run_cannot_be_rolled_back_again(files, faulty, points, killed, logshift):
    """What it would have written may by now have been written by another run."""
    files.write(SMALL)
    assert faulty(files.root, "kill", points(files, "apply") - 4, "apply").status == killed
    logshift("rollback")
    files.change()
    written = contents(files)
    undone = files.journal.runs()[0].run
    told = logshift("rollback", undone)
    assert (told.status, told.out) == (0, f"Run {undone} is undone: there is nothing to roll back.\n")
    assert contents(files) == written


def test_file_edited_after_a_crash_is_left_as_it_is(files, faulty, points, killed, logshift):
    old = contents(files.write(SMALL))
    assert faulty(files.root, "kill", points(files, "apply") - 4, "apply").status == killed
    files.write({"a.py": "mine\n"})
    told = logshift("rollback")
    assert told.status == 1
    assert "a.py is left as it is: it has changed since" in told.err
    assert contents(files) == {**old, "a.py": b"mine\n"}
    assert files.strays() == []


# -- the journal itself ------------------------------------------------------------------------------------


def torn(path):
    """Yield the journal with its last line cut at every byte, and without it."""
    whole = path.read_bytes()
    start = whole[:-1].rfind(b"\n") + 1
    for end in range(start, len(whole)):
        yield whole[:end]


def test_journal_torn_in_its_last_line_is_of_a_run_cut_short(files):
    old = contents(files.write({"a.py": "a\n", "b.py": "b\n"}))
    run = files.change()
    path = files.root / ".logshift/runs" / run / "journal.jsonl"
    written = contents(files)
    assert json.loads(path.read_bytes().splitlines()[-1]) == {"step": "committed"}
    for journal in list(torn(path)):
        path.write_bytes(journal)
        files.write(written)
        with files.journal.locked():
            recovered = recover(files.journal)
        assert recovered is not None
        assert recovered.record.status is Status.OPEN
        assert contents(files) == old
        assert [json.loads(line)["step"] for line in path.read_bytes().splitlines()] == ["begin", "undone"]


def test_journal_torn_in_its_first_line_is_of_a_run_that_never_began(files):
    files.write({"a.py": "a\n"})
    run = files.change()
    folder = files.root / ".logshift/runs" / run
    first = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)[0]
    for end in range(len(first)):
        (folder / "before").mkdir(parents=True, exist_ok=True)
        (folder / "journal.jsonl").write_bytes(first[:end])
        assert files.journal.runs() == []
        with files.journal.locked():
            assert recover(files.journal) is None
        assert not folder.exists()


def test_journal_torn_in_a_rollback_is_gone_on_with(files):
    old = contents(files.write({"a.py": "a\n", "b.py": "b\n"}))
    run = files.change()
    path = files.root / ".logshift/runs" / run / "journal.jsonl"
    committed = path.read_bytes()
    with files.journal.locked():
        rollback(files.journal, files.journal.read(run), force=False)
    steps = path.read_bytes()[len(committed) :].splitlines(keepends=True)
    assert [json.loads(line)["step"] for line in steps] == ["rolling back", "restored", "restored", "rolled back"]
    for number, step in enumerate(steps):
        path.write_bytes(committed + b"".join(steps[:number]) + step[: len(step) // 2])
        files.write(new(old) if number <= 1 else {**old, "b.py": new(old)["b.py"]} if number == 2 else old)
        with files.journal.locked():
            recover(files.journal)
        status = files.journal.read(run).status
        assert (status, contents(files)) == ((Status.COMMITTED, new(old)) if number == 0 else (Status.ROLLED_BACK, old))


JUNK = [
    b"not json\n", b"[]\n", b"3\n", b"{}\n", b'{"step": "begin"}\n', b'{"step": "begin", "files": 3}\n', b"\xff\xfe\n", b"\n",
    b'{"step": "begin", "started": "", "tool": "", "config": "", "files": [{}]}\n',
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("place", ["instead", "after"])
def test_journal_of_an_ended_run_that_cannot_be_read_stands_in_nobodys_way(files, logshift, junk, place):
    files.write({"a.py": "a\n", "b.py": SOURCES[0].format(1)})
    run = files.change("a.py")
    path = files.root / ".logshift/runs" / run / "journal.jsonl"
    path.write_bytes(junk if place == "instead" else path.read_bytes() + junk)
    assert re.fullmatch(rf"{run}  \?  .* 0 files  unreadable\n", logshift("runs").out)
    assert logshift("check").err == ""
    assert logshift("migrate").status == 0
    assert "1 of 1 file restored" in logshift("rollback").out
    told = logshift("rollback", run)
    assert told.status == 2
    assert f"the journal of run {run} cannot be read" in told.err
    assert path.exists()


def test_journal_of_a_run_cut_short_that_cannot_be_read_stops_everything(files, faulty, points, killed, logshift):
    files.write(SMALL)
    assert faulty(files.root, "kill", points(files, "apply") - 4, "apply").status == killed
    run = files.journal.runs()[0].run
    (files.root / ".logshift/runs" / run / "journal.jsonl").write_bytes(b"junk\n")
    before = files.everything()
    for command, status in (("check", 0), ("migrate", 2), ("rollback", 2)):
        told = logshift(command)
        assert told.status == status
        assert f"the journal of run {run} cannot be read; the originals of its files are in" in told.err
    assert files.everything() == before


def test_mark_that_is_torn_or_of_no_run_is_forgotten(files):
    files.write(SMALL).change()
    for mark in (b"", b"2026", b"20260101T000000Z-0009", b"\xff", b"../../x"):
        files.write({".logshift/open": mark})
        assert files.journal.cut_short() is None
        with files.journal.locked():
            assert recover(files.journal) is None
        assert not (files.root / ".logshift/open").exists()


# -- interrupted -------------------------------------------------------------------------------------------


@pytest.mark.campaign
def test_migration_that_is_interrupted_takes_back_what_it_wrote(forty, copies, points, faulty, logshift, monkeypatch):
    old = contents(forty)
    number = points(forty, "cli", "migrate")
    statuses = set()
    for point in sample(number, 6):
        copy = copies()
        told = faulty(copy.root, "interrupt", point, "cli", "migrate")
        assert told.status == 130, (point, number, told)
        assert re.search(r"logshift: interrupted(; every file is as it was)?\n", told.err), told.err
        assert "Traceback" not in told.err
        assert {name: data for name, data in contents(copy).items() if name in old} == old
        assert copy.strays() == []
        statuses |= {record.status for record in copy.journal.runs()}
        monkeypatch.chdir(copy.root)
        assert logshift("migrate").status == 0
    assert Status.UNDONE in statuses


# -- no room -----------------------------------------------------------------------------------------------


@pytest.mark.campaign
def test_full_disk_leaves_every_file_as_it_was(files, copies, points, faulty):
    """From some point on nothing can be written any more, not even the originals back: they are moved."""
    old = contents(files.write({**SMALL, "d.py": "import logging\n\nlog = logging.getLogger('d')\n"}))
    number = points(files, "apply")
    for point in sample(number, 10):
        copy = copies()
        told = faulty(copy.root, "full", point, "apply")
        if told.status == 0:  # the last files had been opened
            assert contents(copy) == new(old)
            continue
        assert "No space left on device" in told.err
        assert "UnfinishedError" not in told.err
        assert {name: data for name, data in contents(copy).items() if name in old} == old
        assert copy.strays() == []
        with copy.journal.locked():  # and once there is room again
            recover(copy.journal)
        assert copy.journal.cut_short() is None
        copy.change()
        assert {name: data for name, data in contents(copy).items() if name in old} == new(old)


@pytest.mark.campaign
def test_migration_says_that_the_disk_is_full_and_nothing_has_changed(
    forty, copies, points, faulty, logshift, monkeypatch
):
    old = contents(forty)
    number = points(forty, "cli", "migrate")
    for point in sample(number, 4)[:-1]:
        copy = copies()
        told = faulty(copy.root, "full", point, "cli", "migrate")
        if told.status == 0:  # all was open by then
            assert "30 loggers moved in 30 files." in told.out
            continue
        assert (told.status, told.out) == (2, "")
        assert re.search(
            r"^logshift: cannot write: .*: No space left on device(; every file is as it was)?$", told.err, re.MULTILINE
        )
        assert {name: data for name, data in contents(copy).items() if name in old} == old
        monkeypatch.chdir(copy.root)
        assert logshift("migrate").status == 0


def test_limit_on_the_size_of_files_is_met_like_a_full_disk(files, faulty):
    """A real limit of the system: the first files can be written, a later one cannot."""
    resource = pytest.importorskip("resource")
    old = contents(files.write({"a.py": "a\n", "b.py": "b\n", "c.py": "#" * 50_000}))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_003, limits[1]))
        told = faulty(files.root, "none", 0, "apply")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told.status != 0
    assert "File too large" in told.err
    assert {name: data for name, data in contents(files).items() if name in old} == old
    assert [record.status for record in files.journal.runs()] == [Status.UNDONE]


def test_rollback_without_room_puts_the_stored_originals_in_place(files, faulty, points):
    old = contents(files.write(SMALL))
    run = files.change()
    for number in (4, 9, 14):
        told = faulty(files.root, "full", number, "rollback")
        assert told.status != 0
        assert "No space left on device" in told.err
    with files.journal.locked():
        recover(files.journal)
        rollback(files.journal, files.journal.read(run), force=False)
    assert {name: data for name, data in contents(files).items() if name in old} == old
    assert files.strays() == []


# -- no permission -----------------------------------------------------------------------------------------


def test_folder_that_cannot_be_written_stops_the_run_and_the_others_are_taken_back(unprivileged, logshift):
    files = unprivileged.write({"a.py": SOURCES[0].format(1), "d/b.py": SOURCES[0].format(2), "pyproject.toml": ""})
    old = contents(files)
    (files.root / "d").chmod(0o500)
    told = logshift("migrate")
    assert (told.status, told.out) == (2, "")
    assert re.search(r"cannot write: d/\.logshift-\S+: Permission denied; every file is as it was", told.err)
    assert {name: data for name, data in contents(files).items() if name in old} == old
    assert [record.status for record in files.journal.runs()] == [Status.UNDONE]
    assert logshift("migrate", "a.py").status == 0


def test_project_that_cannot_be_written_is_told_of_before_anything_happens(unprivileged, logshift):
    files = unprivileged.write({"a.py": SOURCES[0].format(1), "pyproject.toml": ""})
    files.root.chmod(0o500)
    told = logshift("migrate")
    assert told.status == 2
    assert re.search(r"cannot write: \.logshift\S*: Permission denied", told.err)
    assert logshift("check").status == 1
    assert logshift("migrate", "--diff").status == 1


def test_rollback_into_a_folder_that_cannot_be_written_goes_on_later(unprivileged, logshift):
    files = unprivileged.write({"a.py": SOURCES[0].format(1), "d/b.py": SOURCES[0].format(2), "pyproject.toml": ""})
    old = contents(files)
    assert logshift("migrate").status == 0
    (files.root / "d").chmod(0o500)
    told = logshift("rollback")
    assert told.status == 2
    assert "d/b.py is left as it is: it cannot be written: Permission denied" in told.err
    assert contents(files)["a.py"] == old["a.py"]
    (files.root / "d").chmod(0o700)
    assert "1 of 1 file restored" in logshift("rollback").out
    assert {name: data for name, data in contents(files).items() if name in old} == old


def test_run_that_cannot_be_undone_now_stays_open_and_says_so(unprivileged, faulty, logshift):
    """The folder is closed between the crash and the recovery."""
    files = unprivileged.write({"d/a.py": "a\n", "d/b.py": "b\n"})
    run = files.change()
    path = files.root / ".logshift/runs" / run / "journal.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    files.write({".logshift/open": run})
    (files.root / "d").chmod(0o500)
    for command in ("rollback", "migrate"):
        told = logshift(command)
        assert (told.status, told.out) == (2, "")
        assert f"run {run} is neither done nor undone (d/a.py: it cannot be written: Permission denied;" in told.err
    assert "was cut short" in logshift("check").err
    (files.root / "d").chmod(0o700)
    assert logshift("rollback").status == 0
    assert contents(files)["d/a.py"] == b"a\n"
