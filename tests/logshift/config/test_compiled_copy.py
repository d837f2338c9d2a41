"""The compiled copy of a configuration: it saves a parser, and never changes what holds."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logshift.config import find, load
from logshift.config.find import settings_for

EVERYTHING = """
extend-exclude = ["é", '😀']
[target]
module = "house.log"
components = { "a.py" = "alpha" }
[target.contract]
methods = ["info", "error"]
[[legacy]]
factory = "a.b.Helper"
methods = { note = "info", warn = "warning" }
channel = "flow"
"""


@pytest.fixture
def reads(monkeypatch):
    """Count how often a file is really read."""
    seen = []
    real = load.load
    monkeypatch.setattr(load, "load", lambda path: seen.append(path) or real(path))
    return seen


@pytest.fixture
def file(here):
    path = here / "logshift.toml"
    path.write_text(EVERYTHING)
    return path


def copy_in(cache):
    return next(iter(cache.iterdir()))


def test_copy_gives_the_same_settings_without_reading_the_file(file, reads):
    first, second = settings_for(()), settings_for(())
    assert reads == [str(file)]
    assert first == second
    assert [type(value) for value in (second, second.target, second.target.contract, *second.legacy)] == [
        type(value) for value in (first, first.target, first.target.contract, *first.legacy)
    ]
    assert second.target.contract.methods == frozenset({"info", "error"})


def test_copy_says_too_that_there_is_nothing_for_us(here, reads):
    (here / "pyproject.toml").write_text("[dependency-groups]\ndev = ['logshift']\n")
    assert settings_for(()) == settings_for(())
    assert len(reads) == 1


@pytest.mark.parametrize("change", ["longer", "same length", "replaced", "other version", "other defaults"])
def test_copy_of_what_has_changed_is_made_anew(file, reads, monkeypatch, change):
    before = settings_for(())
    status = file.stat()
    if change == "longer":
        file.write_text(EVERYTHING.replace("alpha", "alphas"))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "same length":
        file.write_text(EVERYTHING.replace("alpha", "gamma"))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    elif change == "replaced":
        other = file.with_name("other")
        other.write_text(EVERYTHING.replace("alpha", "gamma"))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.replace(file)
    elif change == "other version":
        monkeypatch.setattr(find, "__version__", "99")
    else:
        monkeypatch.setattr(find, "Settings", lambda *_: before._replace(src=("other",)))
    settings_for(())
    assert len(reads) == 2


def test_file_that_changes_while_it_is_read_is_read_again(file, monkeypatch):
    real = load.load

    def slow(path):
        loaded = real(path)
        file.write_text(EVERYTHING.replace("alpha", "gamma"))
        return loaded

    monkeypatch.setattr(load, "load", slow)
    assert settings_for(()).target.components == (("a.py", "alpha"),)
    monkeypatch.setattr(load, "load", real)
    assert settings_for(()).target.components == (("a.py", "gamma"),)


def test_wrong_configuration_leaves_no_copy(here, cache):
    (here / "logshift.toml").write_text("x = 1\n")
    for _ in range(2):
        with pytest.raises(load.ConfigurationError):
            settings_for(())
    assert list(cache.iterdir()) == []


@given(data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_corrupted_copy_is_ignored(file, cache, data):
    right = settings_for(())
    path = copy_in(cache)
    whole = path.read_bytes()
    kind = data.draw(st.sampled_from(["cut", "changed", "other"]))
    if kind == "cut":
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    elif kind == "changed":
        at = data.draw(st.integers(0, len(whole) - 1))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    else:
        path.write_bytes(data.draw(st.binary(max_size=50)))
    assert settings_for(()) == right
    assert path.read_bytes() == whole, "a whole copy takes its place"


def test_copy_that_nothing_can_be_made_of_is_ignored(file, cache, reads):
    """Its checksum is right, as of a copy that another interpreter has written; its bytes are no value."""
    right = settings_for(())
    path = copy_in(cache)
    for data in (b"\xff", marshal.dumps(3), marshal.dumps((1, 2, 3)), marshal.dumps((None, None)), b""):
        path.write_bytes(zlib.crc32(data).to_bytes(4, "big") + data)
        assert settings_for(()) == right, data
    assert len(reads) == 6


def test_copies_of_two_files_are_kept_apart(here, reads):
    for name in ("a", "b"):
        (here / name).mkdir()
        (here / name / "logshift.toml").write_text(f"src = ['{name}']\n")
    for _ in range(2):
        assert [settings_for((name,)).src for name in ("a", "b")] == [("a",), ("b",)]
    assert len(reads) == 2


@pytest.mark.parametrize("obstacle", ["a file in its place", "read-only"])
def test_cache_folder_that_cannot_be_written_is_done_without(file, cache, monkeypatch, obstacle):
    if obstacle == "a file in its place":
        (cache / "taken").touch()
        monkeypatch.setenv("LOGSHIFT_CACHE_DIR", str(cache / "taken"))
    else:
        monkeypatch.setenv("LOGSHIFT_CACHE_DIR", "/proc/nowhere")
    assert settings_for(()) == settings_for(())
    assert os.listdir(cache) in ([], ["taken"])


def test_full_disk_leaves_no_part_of_a_copy(file, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(find.os, "replace", full)
    settings_for(())
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"LOGSHIFT_CACHE_DIR": "one"}, "one"),
        ({"LOGSHIFT_CACHE_DIR": "", "XDG_CACHE_HOME": "two"}, "two/logshift"),
        ({"LOGSHIFT_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": "three"}, "three/.cache/logshift"),
    ],
)
def test_copy_lies_where_the_environment_says(file, here, monkeypatch, environment, folder):
    for name, value in environment.items():
        monkeypatch.setenv(name, str(here / value) if value else "")
    settings_for(())
    assert len(list((here / folder).iterdir())) == 1


def test_two_processes_at_once_both_have_the_right_settings(file, cache):
    """Each writes its copy beside the other's and puts it in place whole."""
    program = (
        "import sys\n"
        "from logshift.config import find\n"
        "for _ in range(60):\n"
        "    assert find.settings_for(()).target.module == 'house.log'\n"
        "    find._keep(sys.argv[1], find._stamp(sys.argv[1]), find._read(sys.argv[1]))\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", program, str(file)], cwd=file.parent) for _ in range(3)]
    assert [process.wait(60) for process in both] == [0, 0, 0]
    assert len(list(cache.iterdir())) == 1
