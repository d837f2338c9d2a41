"""`migrate --diff` prints a patch; applied by git it gives byte by byte what `migrate` writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logshift.model import Span
from logshift.report import patch
from logshift.rewrite import Patch, apply_patches
from logshift.spans import Spans

PLAIN = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef run(n):\n    logger.info('run %d', n)\n"
LEGACY = Path(__file__).parents[3] / "fixtures" / "legacy"

FILES = {
    "plain.py": PLAIN,
    "crlf.py": PLAIN.replace("\n", "\r\n"),
    "mixed.py": PLAIN.replace("\n", "\r\n", 3),
    "no_end.py": PLAIN.rstrip("\n"),
    "crlf_no_end.py": PLAIN.replace("\n", "\r\n").rstrip("\r\n"),
    "cr.py": PLAIN.replace("\n", "\r"),
    "bom.py": b"\xef\xbb\xbf" + PLAIN.encode(),
    "latin.py": ("# coding: latin-1\n" + PLAIN.replace("run %d", "caf\xe9 %d")).encode("latin-1"),
    "sjis.py": ("# coding: shift_jis\n" + PLAIN.replace("run %d", "\u8868 %d")).encode("shift_jis"),
    "feed.py": PLAIN.replace("\n\n\n", "\n\f\n\n"),
    "separators.py": PLAIN.replace("run %d", "a\x0b\x1c\x85\u2028 %d"),
    "one_line.py": "import logging; logger = logging.getLogger('x'); logger.info('a')",
    "empty.py": "",
    "deep/er/plain.py": PLAIN,
    "with space.py": PLAIN,
    "caf\u00e9.py": PLAIN,
    "qu'ote.py": PLAIN,
}
STRANGE = {
    'qu"ote.py': PLAIN,
    "tab\t.py": PLAIN,
    "new\nline.py": PLAIN,
    "back\\slash.py": PLAIN,
    os.fsdecode(b"caf\xe9 .py"): PLAIN,
}


def contents(root):
    paths = [path for path in root.rglob("*") if path.is_file() and not {".git", ".logshift"} & set(path.parts)]
    return {os.fspath(path.relative_to(root)): path.read_bytes() for path in paths}


@pytest.fixture
def both_ways(start, git, tmp_path_factory):
    """Return what a patch makes of a project, and what `migrate` makes of it."""

    def run(root, *paths, within="."):
        copy = tmp_path_factory.mktemp("copy") / "project"
        shutil.copytree(root, copy)
        before = contents(root)
        patch, err = start("migrate", "--diff", *paths, cwd=root / within).communicate(timeout=120)
        assert contents(root) == before, "a diff writes nothing"
        assert b"Traceback" not in err
        assert patch
        git(copy, "init", "-q")
        done = git(copy / within, "apply", "-", text=patch)
        assert done.returncode == 0, (done.stderr, patch)
        start("migrate", *paths, cwd=root / within).communicate(timeout=120)
        assert contents(root) != before
        return contents(copy), contents(root)

    return run


def test_patch_gives_the_bytes_that_migrate_writes(project, both_ways):
    by_patch, by_migrate = both_ways(project(FILES))
    assert [name for name in by_migrate if by_patch[name] != by_migrate[name]] == []
    assert [name for name, data in by_migrate.items() if name.endswith(".py") and b"Universal" not in data] == [
        "empty.py"
    ]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such names cannot be there")
@pytest.mark.parametrize("name", STRANGE)
def test_patch_may_be_of_files_with_strange_names(project, both_ways, name):
    by_patch, by_migrate = both_ways(project({name: STRANGE[name]}))
    assert by_patch == by_migrate


def test_patch_made_in_a_folder_is_applied_there(project, both_ways):
    by_patch, by_migrate = both_ways(project({"a/b/c.py": PLAIN, "d.py": PLAIN}), within="a")
    assert by_patch == by_migrate
    assert by_migrate["d.py"] == PLAIN.encode()


def test_patch_of_the_legacy_application_gives_what_migrate_writes(project, both_ways):
    root = project({})
    shutil.copytree(LEGACY, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".logshift"))
    by_patch, by_migrate = both_ways(root)
    assert by_patch == by_migrate


@pytest.mark.needs("patch")
def test_patch_is_one_for_the_program_of_that_name(project, start, tmp_path_factory):
    root = project({name: FILES[name] for name in ("plain.py", "no_end.py", "latin.py", "feed.py", "with space.py")})
    copy = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(root, copy)
    patch, _ = start("migrate", "--diff", cwd=root).communicate(timeout=60)
    subprocess.run(["patch", "-p1", "--quiet", "--binary"], cwd=copy, input=patch, check=True)
    start("migrate", cwd=root).communicate(timeout=60)
    assert contents(copy) == contents(root)


def test_diff_of_nothing_is_empty(project, logshift):
    project({"a.py": "x = 1\n"})
    assert logshift("migrate", "--diff") == (0, "", "")


@given(st.lists(st.sampled_from([b"a", b"b", b"\n", b"\r\n", b"\r"])), st.data())
def test_hunks_are_of_the_lines_that_any_patches_change(pieces, data):
    before = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(before)), max_size=8)))
    put = st.lists(st.sampled_from([b"a", b"b", b"\n"])).map(b"".join)
    patches = tuple(Patch(Span(*cut), data.draw(put)) for cut in zip(cuts[::2], cuts[1::2], strict=False))
    after = apply_patches(before, patches)
    outcome = SimpleNamespace(before=before, after=after, patches=patches)
    old, new = patch._lines(before), patch._lines(after)
    at = new_at = 0
    for one in [*patch._changes(outcome, old, new), patch._Change(len(old), len(old), len(new), len(new))]:
        assert old[at : one.first] == new[new_at : one.new_first]
        assert one.first == len(old) or old[one.first : one.last] != new[one.new_first : one.new_last]
        at, new_at = one.last, one.new_last
    assert (at, new_at) == (len(old), len(new))


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted)),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_many_spans_say_what_each_of_them_would(spans, place):
    spans = [Span(*one) for one in spans]
    place = Span(*sorted(place))
    assert Spans(spans).hold(place) == any(one.holds(place) for one in spans)
    assert Spans(spans).within(place) == sorted(one for one in spans if place.holds(one))
