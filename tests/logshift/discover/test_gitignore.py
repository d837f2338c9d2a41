"""gitignore patterns, held against the documentation and against git itself.

https://git-scm.com/docs/gitignore#_pattern_format
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logshift.gitignore import Patterns

FULL = bool(os.environ.get("LOGSHIFT_FULL"))


def ignored(lines, path, *, is_dir=False):
    """Say what git would: a path below an ignored folder is ignored, whatever a later pattern says of it."""
    patterns = Patterns(lines)
    parts = path.split("/")
    for depth in range(1, len(parts)):
        if patterns.verdict("/".join(parts[:depth]), is_dir=True):
            return True
    return bool(patterns.verdict(path, is_dir=is_dir))


RULES = [
    # the rule; the patterns; what they ignore; what they do not
    ("a blank line matches nothing", ["", "  "], [], ["a", " ", "a/b"]),
    ("a comment", ["#a"], [], ["#a", "a"]),
    ("a hash after a backslash", ["\\#a"], ["#a", "b/#a"], ["a", "\\#a"]),
    ("a hash inside", ["a#b"], ["a#b"], ["a"]),
    ("spaces at the end go", ["a  "], ["a"], ["a ", "a  "]),
    ("spaces at the end stay after a backslash", ["a\\ "], ["a "], ["a", "a\\ "]),
    ("only the first of them is protected", ["a\\  "], ["a "], ["a  "]),
    ("an escaped backslash protects nothing", ["a\\\\ "], ["a\\"], ["a\\ ", "a "]),
    ("a tab at the end stays", ["a\t"], ["a\t"], ["a"]),
    ("spaces in front stay", [" a"], [" a"], ["a"]),
    ("negation", ["*.py", "!keep.py"], ["a.py", "b/a.py"], ["keep.py", "b/keep.py"]),
    ("the last match decides", ["!a", "a"], ["a"], []),
    ("the last match decides, turned round", ["a", "!a"], [], ["a"]),
    ("an exclamation mark after a backslash", ["\\!a"], ["!a"], ["a"]),
    ("two exclamation marks", ["!a", "!!a"], [], ["a", "!a"]),
    ("no re-inclusion below an ignored folder", ["d/", "!d/a"], ["d/a"], ["a"]),
    ("re-inclusion beside what is ignored", ["d/*", "!d/a"], ["d/b"], ["d/a"]),
    ("the documented whitelist", ["/*", "!/foo", "/foo/*", "!/foo/bar"], ["a", "foo/a"], ["foo/bar", "foo/bar/x"]),
    ("a name at any depth", ["a"], ["a", "b/a", "a/b", "b/a/c"], ["ab", "b/ab"]),
    ("a slash in front anchors", ["/a"], ["a", "a/b"], ["b/a"]),
    ("a slash inside anchors", ["d/a"], ["d/a", "d/a/b"], ["b/d/a", "a"]),
    ("a slash at the end does not anchor", ["d/"], ["b/d/a", "d/a"], ["d", "b/d"]),
    ("nor does it match twice", ["d//"], [], ["d/a"]),
    ("a lone slash matches nothing", ["/"], [], ["a", "a/b"]),
    ("a star stops at a slash", ["d/*"], ["d/a", "d/a/b"], ["d", "e/d/a"]),
    ("a star matches a leading dot", ["*.py"], [".py", "a.py", "d/.py"], ["py", "a.pyc"]),
    ("a star matches nothing too", ["a*"], ["a", "ab"], ["ba"]),
    ("a question mark is one character", ["a?"], ["ab"], ["a", "abc"]),
    ("a question mark is no slash", ["a?b/c"], ["axb/c"], ["a/b/c"]),
    ("a question mark is one byte, as for git", ["??"], ["é", "ab"], ["a"]),
    ("two stars and a slash", ["**/a"], ["a", "b/a", "b/c/a", "a/b"], ["ba"]),
    ("two stars, a slash, a path", ["**/d/a"], ["d/a", "b/d/a"], ["a", "bd/a"]),
    ("a slash and two stars", ["d/**"], ["d/a", "d/a/b"], ["d", "b/d/a"]),
    ("two stars in the middle", ["a/**/b"], ["a/b", "a/x/b", "a/x/y/b"], ["ab", "x/a/b"]),
    ("other stars are one star", ["a/b**c"], ["a/bc", "a/bxc"], ["a/b/c"]),
    ("except where git starts to look", ["a**/b"], ["ab", "a/x/b", "ax/b"], ["b"]),
    ("three stars in place of two", ["***/a"], ["a", "b/a"], []),
    ("a range", ["[a-c]"], ["a", "b", "c"], ["d", "-", "A"]),
    ("a negated range", ["[!a-c]"], ["d", "-"], ["a", "b"]),
    ("a range negated the other way", ["[^a-c]"], ["d", "-"], ["a", "b"]),
    ("a bracket first in a range", ["[]a]"], ["]", "a"], ["b", "[]a]"]),
    ("a dash at an end", ["[a-]", "[-b]"], ["a", "-", "b"], ["c"]),
    ("an escape in a range", ["[\\]\\\\]"], ["]", "\\"], ["[", "a"]),
    ("an escaped end of a range", ["[a-\\c]"], ["a", "b", "c"], ["d", "\\"]),
    ("a range is no slash", ["a[/]b", "a[!x]b"], ["ayb"], ["a/b"]),
    ("a range the wrong way round is its first character", ["[c-a]"], ["c"], ["a", "b", "-"]),
    ("an open range matches nothing", ["[a", "a["], [], ["a", "[a", "a["]),
    ("a class", ["[[:digit:]]x"], ["1x"], ["ax", ":x"]),
    ("classes and characters", ["[[:upper:]_]"], ["A", "_"], ["a"]),
    ("a negated class", ["[![:space:]]"], ["a"], [" "]),
    ("an unknown class matches nothing", ["[[:word:]]"], [], ["a", "w", ":"]),
    ("a class without its end is characters", ["[[:digit]"], ["[", ":", "d"], ["1", "]"]),
    ("an escape", ["\\a\\*"], ["a*"], ["ab", "\\a*"]),
    ("a backslash at the end matches nothing", ["a\\"], [], ["a", "a\\"]),
    ("no special characters of expressions", ["a.b+(c)"], ["a.b+(c)"], ["axbb(c)", "a.bc"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "yes", "no"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_documented_rule(lines, yes, no):
    assert [path for path in yes if not ignored(lines, path)] == []
    assert [path for path in no if ignored(lines, path)] == []


def test_pattern_with_slash_at_end_is_for_folders_alone():
    assert ignored(["d/"], "d", is_dir=True)
    assert not ignored(["d/"], "d")
    assert ignored(["!d", "*/"], "d", is_dir=True)


def test_patterns_that_do_not_speak_say_so():
    assert Patterns(["a"]).verdict("b", is_dir=False) is None
    assert not Patterns(["", "# b", "/"])
    assert Patterns(["!a"])


def test_file_may_have_a_mark_and_any_newlines():
    patterns = Patterns.of_file(b"\xef\xbb\xbfa\r\nb\rc\nd ")
    assert patterns.verdict("a", is_dir=False)
    assert patterns.verdict("b\rc", is_dir=False)  # a lone carriage return is part of a name
    assert not patterns.verdict("b", is_dir=False)
    assert patterns.verdict("d", is_dir=False)


def test_names_that_are_not_text_match_byte_by_byte():
    assert Patterns.of_file(b"caf\xe9.py\n").verdict(os.fsdecode(b"caf\xe9.py"), is_dir=False)
    assert Patterns(["caf?.py"]).verdict(os.fsdecode(b"caf\xe9.py"), is_dir=False)
    assert not Patterns(["café.py"]).verdict(os.fsdecode(b"caf\xe9.py"), is_dir=False)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 60 + "b", "a" * 250),
        ("x/" + "*a" * 60 + "b", "x/" + "a" * 250),
        ("**/a/" * 25 + "b", "a/" * 60 + "c"),
        ("**/*a*/" * 12 + "b", "aa/" * 40 + "c"),
    ],
)
def test_no_pattern_takes_exponential_time(pattern, path):
    """It ends at all: backtracking over these would outlast the universe, so no clock is read."""
    assert not ignored([pattern], path)


# -- git itself ------------------------------------------------------------------------------------------------

NAMES = ["a", "b", "ab", "ba", "abc", "é", "!a", "#a", "[", "]", "a b", "a ", "\\", "*", "-", ".a", "b.a", "a]"]
PIECES = st.sampled_from(
    [
        "a", "b", "c", "ab", "*", "**", "***", "?", "/", "**/", "/**", "/**/", "[ab]", "[!a]", "[^b]", "[a-c]",
        "[[:alpha:]]", "[![:punct:]]", "[[:foo:]]", "[:", "[", "]", "[]a]", "[a\\]]", "[a/b]", "[b-a]", "[a-]", "[-a]",
        "[\\a-c]", "\\", "\\*", "\\ ", "\\/", " ", "!", "#", "-", ".", "é", "\t", "\r",
    ]
)  # fmt: skip
LINE = st.lists(PIECES, min_size=1, max_size=7).map("".join)


def grow(root: Path, depth: int) -> None:
    """Make a folder and a file of every name; folders hold more of them, to a depth."""
    for index, name in enumerate(NAMES):
        if depth and index % 3 != 2:
            (root / name).mkdir(parents=True)
            grow(root / name, depth - 1 if index < 6 else 0)
        else:
            root.mkdir(exist_ok=True, parents=True)
            (root / name).write_bytes(b"")


@pytest.fixture(scope="module")
def repository(tmp_path_factory, git):
    root = tmp_path_factory.mktemp("repository")
    grow(root, 2)
    git(root, "init", "-q")
    return root


@pytest.fixture(scope="module")
def paths(repository):
    everything = sorted(path for path in repository.rglob("*") if ".git" not in path.parts)
    return [(path.relative_to(repository).as_posix(), path.is_dir()) for path in everything]


@given(lines=st.lists(LINE, min_size=1, max_size=4))
@settings(max_examples=3000 if FULL else 100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.campaign
def test_verdicts_are_those_of_git(lines, repository, paths, git):
    text = "\n".join(lines).encode()
    (repository / ".gitignore").write_bytes(text)
    question = b"".join(path.encode() + b"\0" for path, _ in paths)
    told = git(repository, "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n", text=question).split(b"\0")
    said = dict(zip(map(os.fsdecode, told[3::4]), told[2::4], strict=False))
    patterns = Patterns.of_file(text)
    folders = {path for path, is_dir in paths if is_dir}
    for path, _ in paths:
        parts = path.split("/")
        verdict = None
        for depth in range(1, len(parts) + 1):
            part = "/".join(parts[:depth])
            verdict = patterns.verdict(part, is_dir=part in folders)
            if verdict:
                break
        by_git = None if not said[path] else not said[path].startswith(b"!")
        assert verdict == by_git, (text, path)


# -- whole trees -----------------------------------------------------------------------------------------------

TREE = ["a.py", "b.py", "keep.py", "d/a.py", "d/b.py", "d/keep.py", "d/e/a.py", "d/e/b.py", "e/a.py", "e/d/keep.py"]
RULE = st.sampled_from(
    ["a.py", "/a.py", "*.py", "d/", "d", "/d/*", "e/", "**/e", "d/**", "!keep.py", "!a.py", "!d/", "!e", "!/d/a.py", "!*"]
)  # fmt: skip
IGNORE_FILE = st.lists(RULE, max_size=4)


@given(files=st.fixed_dictionaries(dict.fromkeys(("", "d", "d/e", "e", "exclude"), IGNORE_FILE)))
@settings(max_examples=1000 if FULL else 60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.campaign
def test_discovered_files_are_those_that_git_would_add(files, tmp_path_factory, git, found):
    root = tmp_path_factory.mktemp("tree")
    for name in TREE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    git(root, "init", "-q")
    for folder, lines in files.items():
        path = root / ".git/info/exclude" if folder == "exclude" else root / folder / ".gitignore"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines))
    by_git = git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", "*.py").decode().split("\0")[:-1]
    assert found(root, exclude=())[0] == sorted(by_git), files
    shutil.rmtree(root)


def test_plain_names_and_endings_compile_nothing():
    """Nearly all patterns are of these kinds, and a run on one file pays for every one."""
    compiled = [isinstance(getattr(rule.matches, "__self__", None), re.Pattern) for rule in Patterns(PLAIN)._rules]
    assert compiled == [False] * len(PLAIN)
    assert isinstance(Patterns(["a?"])._rules[0].matches.__self__, re.Pattern)


PLAIN = ["build/", "*.egg-info", "/dist", "a/b"]
