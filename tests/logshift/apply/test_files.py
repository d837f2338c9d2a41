"""One file takes another's place whole, with its permissions, owner and – on the way back – times."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from logshift.apply import files
from logshift.apply.files import State

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions, owners and links")


@posix
@pytest.mark.parametrize("mode", [0o644, 0o600, 0o755, 0o444, 0o664, 0o200, 0o4755])
def test_replacing_keeps_the_permissions(tmp_path, mode):
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    path.chmod(mode)
    files.replace(str(path), b"new", "run")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    path.chmod(0o644)
    assert path.read_bytes() == b"new"


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser may give files away")
def test_replacing_keeps_the_owner_and_then_the_permissions(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    os.chown(path, 1234, 4321)
    path.chmod(0o6755)  # a change of owner takes these bits away
    files.replace(str(path), b"new", "run")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)
    assert stat.S_IMODE(path.stat().st_mode) == 0o6755


def test_replacing_with_a_state_brings_back_permissions_and_times(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    path.chmod(0o640)
    os.utime(path, ns=(1_000_000_000, 2_123_456_789))
    before = files.state_of(str(path))
    files.replace(str(path), b"new", "run")
    assert path.stat().st_mtime_ns != before.modified_ns, "what builds from sources has to see the change"
    path.chmod(0o600)
    files.replace(str(path), b"old", "run", before)
    assert files.state_of(str(path)) == before == State(0o640, 1_000_000_000, 2_123_456_789)


@posix
def test_new_bytes_are_never_readable_by_more_people_than_the_old(tmp_path, monkeypatch):
    path = tmp_path / "secret.py"
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen = []
    real = os.chmod
    monkeypatch.setattr(files.os, "chmod", lambda name, mode: (seen.append(os.stat(name).st_mode), real(name, mode)))
    umask = os.umask(0)
    try:
        files.replace(str(path), b"new", "run")
    finally:
        os.umask(umask)
    assert [stat.S_IMODE(mode) for mode in seen] == [0o600]


def test_name_as_long_as_names_can_be_is_replaced(tmp_path):
    path = tmp_path / ("a" * 252 + ".py")
    path.write_bytes(b"old")
    files.replace(str(path), b"new", "20260101T000000Z-0001")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"new"]


@pytest.mark.parametrize("failing", ["fsync", "chmod", "replace"])
def test_failure_leaves_the_file_and_nothing_beside_it(tmp_path, monkeypatch, failing):
    path = tmp_path / "a.py"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        files.replace(str(path), b"new", "run")
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"a.py": b"old"}


@posix
def test_bytes_are_on_the_disk_before_the_name_is_theirs_and_the_name_before_the_work_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "d" / "a.py"
    path.parent.mkdir()
    path.write_bytes(b"old")
    seen = []
    fsync, rename = os.fsync, os.replace

    def synced(descriptor):
        status = os.fstat(descriptor)
        is_folder = stat.S_ISDIR(status.st_mode)
        seen.append(os.path.samestat(status, path.parent.stat()) if is_folder else status.st_size)
        fsync(descriptor)

    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(files.os, "replace", lambda *names: (seen.append("renamed"), rename(*names)))
    files.replace(str(path), b"newer", "run")
    assert seen == [5, "renamed", True]


def test_temporary_file_is_hidden_and_no_python_file(tmp_path):
    folder, name = os.path.split(files.temporary_for(str(tmp_path / "a.py"), "run"))
    assert folder == str(tmp_path)
    assert name.startswith(".logshift-run-")
    assert not name.endswith(".py")
    assert files.temporary_for("b.py", "run") != files.temporary_for("a.py", "run")


@posix
def test_what_lies_in_the_way_as_a_link_is_not_written_through(tmp_path):
    path, other = tmp_path / "a.py", tmp_path / "other"
    path.write_bytes(b"old")
    other.write_bytes(b"precious")
    os.symlink(other, files.temporary_for(str(path), "run"))
    with pytest.raises(OSError, match=r"symbolic links|Too many levels"):
        files.replace(str(path), b"new", "run")
    assert (path.read_bytes(), other.read_bytes()) == (b"old", b"precious")


def test_file_that_is_not_there_has_no_digest(tmp_path):
    assert files.digest_of(str(tmp_path / "a.py")) is None
    (tmp_path / "a.py").write_bytes(b"")
    assert files.digest_of(str(tmp_path / "a.py")) == files.digest(b"")
