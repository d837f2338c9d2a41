r"""What a branch adds: the lines that differ between the commit where it began and the files as they are now.

In: places in a repository and a revision. Out: `Added`. git is asked, as a process. What is not
committed counts; files that git does not track are added as a whole; a renamed file adds only what was changed in it.

https://git-scm.com/docs/git-diff#_combined_diff_format, https://git-scm.com/docs/git-merge-base
"""

from __future__ import annotations

import os
import re
import subprocess

from logshift._record import NamedTuple
from logshift.engine import Analysis
from logshift.gate import GateError
from logshift.model import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
#: What a person's configuration may have changed of a patch is set back.
_DIFF = (
    *("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--text", "--unified=0", "--inter-hunk-context=0"),
    *("--find-renames", "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules", "--submodule=short"),
)


class Added(NamedTuple):
    """What a branch adds: ranges of lines by file, and which files git knows at all."""

    top: str
    base: str
    tracked: frozenset[str]
    lines: dict[str, tuple[range, ...]]

    def holds(self, path: str, data: bytes, span: Span) -> bool:
        """Say whether a place of a file lies on an added line, if only in part."""
        name = _name_below(self.top, path)
        if name not in self.tracked:
            return True
        first = data.count(b"\n", 0, span.start) + 1  # as git counts lines, whatever else may end one
        last = first + data.count(b"\n", span.start, span.end)
        return any(one.start <= last and first < one.stop for one in self.lines.get(name, ()))


def apart(analysis: Analysis, added: Added) -> Analysis:
    """Return the analysis with the findings apart that do not lie on added lines."""
    files = []
    for file in analysis.files:
        inside = [added.holds(one.path, file.data, one.span) for one in file.findings]
        files.append(
            file._replace(
                findings=tuple(one for one, is_in in zip(file.findings, inside, strict=True) if is_in),
                outside=tuple(one for one, is_in in zip(file.findings, inside, strict=True) if not is_in),
            )
        )
    return analysis._replace(files=tuple(files))


def added(places: tuple[str, ...], revision: str, paths: Iterable[str]) -> Added:
    """Return what a branch adds to what it has in common with `revision`, of Python files and `paths`.

    It is that of the repository in which `places` lie.

    Raises:
        GateError: if git is not installed, the places lie in no repository, the revision is unknown, or the commit
            where the branch began is not there.
    """
    folder = os.path.commonpath([os.path.abspath(place) for place in places])
    folder = folder if os.path.isdir(folder) else os.path.dirname(folder)
    top = os.path.realpath(os.fsdecode(_asked(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    base = _base(top, revision)
    tracked = frozenset(os.fsdecode(name) for name in _asked(top, "ls-files", "-z").split(b"\0") if name)
    others = sorted({name for path in paths if (name := _name_below(top, path)) in tracked and name[-3:] != ".py"})
    wanted = [":(top)*.py", *(f":(top,literal){name}" for name in others)]
    patch = _asked(top, *_DIFF, base, "--", *wanted)
    return Added(top, base, tracked, _lines_of(patch))


def _name_below(top: str, path: str) -> str:
    return os.path.relpath(os.path.realpath(path), top).replace(os.sep, "/")


def _base(top: str, revision: str) -> str:
    """Return the commit where the branch began."""
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    shallow = _git(top, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
    deepen = "`git fetch --unshallow` brings it; actions/checkout takes `fetch-depth: 0`"
    if commit.returncode != 0:
        if _git(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode != 0:
            raise GateError("--diff-base: the repository has no commit yet")
        hint = f"the clone is shallow: {deepen}" if shallow else "name a branch, tag or commit, or fetch it first"
        raise GateError(f"--diff-base: git knows no commit {revision}; {hint}")
    bases = _git(top, "merge-base", commit.stdout.decode().strip(), "HEAD")
    found = bases.stdout.decode().split()
    if bases.returncode != 0 or not found:
        if shallow:
            raise GateError(
                f"--diff-base: the clone is shallow, and lacks the commit where the branch left {revision}; {deepen}"
            )
        raise GateError(f"--diff-base: {revision} and HEAD have no commit in common")
    return found[0]


def _asked(folder: str, *arguments: str) -> bytes:
    done = _git(folder, *arguments)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0].removeprefix("fatal: ")
        raise GateError(f"--diff-base: git says of {folder}: {said}")
    return done.stdout


def _git(folder: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if key != "GIT_DIFF_OPTS"}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(  # noqa: S603 - the arguments are ours, but for a revision behind --end-of-options
            ["git", "-C", folder, *arguments],  # noqa: S607 - the git that the person uses
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        raise GateError("--diff-base: git is needed to know what a branch adds, and is not installed") from None
    except OSError as error:
        raise GateError(f"--diff-base: git cannot be started: {error.strerror}") from None


def _lines_of(patch: bytes) -> dict[str, tuple[range, ...]]:
    """Return the added lines of each file of a patch without context."""
    found: dict[str, list[range]] = {}
    current: list[range] = []
    lines = iter(patch.split(b"\n"))
    for line in lines:
        if line.startswith(b"+++ "):
            current = found.setdefault(_name(line[4:]), [])
        elif (hunk := _HUNK.match(line)) is not None:
            removed, start, number = (int(part) if part is not None else 1 for part in hunk.groups())
            current.append(range(start, start + number))
            for _ in range(removed + number):  # what these lines say is not looked at: it may look like a head
                next(lines, b"")
    return {name: tuple(ranges) for name, ranges in found.items()}


def _name(text: bytes) -> str:
    """Return the name in a patch's head, without what git puts around it."""
    text = text.removesuffix(b"\r").removesuffix(b"\t")
    if text.startswith(b'"'):
        text = _ESCAPE.sub(lambda one: _unescaped(one[1]), text[1:-1])
    return os.fsdecode(text.removeprefix(b"b/"))


def _unescaped(escape: bytes) -> bytes:
    return bytes([int(escape, 8)]) if len(escape) == 3 else _ESCAPES.get(escape, escape)
