"""One run of the test command in the scratch copy, and what it has shown.

In: a command, the copy, and where the recorder is to write. Out: how it ended, which tests passed, which events were
reported. The command and all that it started have ended when this returns, however it returns.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping

from logshift._record import NamedTuple
from logshift.trial.scratch import Scratch, remove

_HOOK = os.path.join(os.path.dirname(__file__), "hook")
_TAIL = 4000  # characters of what a command has said
_GRACE = 5.0  # seconds between asking a command to end and ending it
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b|(?<=id=')\d{9,}(?=')")
#: What says that this process is itself a part of somebody's test.
_OF_A_TEST = re.compile("LOGSHIFT_TRIAL_|PYTEST_CURRENT_TEST$|PYTEST_XDIST_")
#: What tox hands on to the tests; https://tox.wiki/en/stable/config.html#overriding-configuration-from-the-command-line
_PASSED_ON = ("PYTHONPATH", "PYTEST_ADDOPTS", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "LOGSHIFT_TRIAL_*")


class Command(NamedTuple):
    """What is run, where, and for how long at most."""

    words: tuple[str, ...]
    folder: str  # in the original
    timeout: float | None = None  # seconds
    events: bool = True
    helpers: tuple[tuple[str, str], ...] = ()  # module and class of helpers whose frames are not the caller's


class Event(NamedTuple):
    """One event, as far as it can be compared with one of another run."""

    test: str | None  # None: reported outside of tests
    level: int
    logger: str | None  # None: reported by a logger without a name
    message: str
    fields: tuple[tuple[str, str], ...]
    exception: str | None
    path: str  # below the project, if it is there
    line: int
    function: str
    by_default: bool = False  # structlog's default printed it, as a tree that nobody configured would not


class Run(NamedTuple):
    """What one run has shown."""

    status: int | None  # None: it took too long
    tail: str
    tests: Mapping[str, str]  # why it failed; empty for those that passed
    events: tuple[Event, ...]
    told_loaded: bool  # whether any process told what it imported; one that is killed does not
    loaded: frozenset[str]  # files of the project that were imported
    strayed: frozenset[str]  # files of the original that were imported
    processes: int  # how many interpreters the recorder was in
    defects: tuple[str, ...]

    @property
    def passed(self) -> frozenset[str]:
        """The tests that passed."""
        return frozenset(name for name, why in self.tests.items() if not why)


class CannotStartError(Exception):
    """The command does not exist or cannot be executed."""


def run(command: Command, scratch: Scratch, progress: Callable[[int, float], None]) -> Run:
    """Run the command in the copy as it is now; `progress` is told how many tests have ended, and the seconds.

    Raises:
        CannotStartError: if there is no such program.
    """
    records = os.path.join(scratch.root, "records")
    remove(records)
    os.makedirs(records)
    hook = os.path.join(scratch.root, "hook")
    _set_up(hook, records, command, scratch)
    log = os.path.join(scratch.root, "output")
    status = _execute(command, scratch, _environment(hook, scratch), log, lambda s: progress(_ended(records), s))
    return _read(status, log, records, scratch)


def _set_up(hook: str, records: str, command: Command, scratch: Scratch) -> None:
    if not os.path.isdir(hook):
        shutil.copytree(_HOOK, hook, ignore=shutil.ignore_patterns("__init__.py", "__pycache__"))
    helpers: dict[str, list[str]] = {}
    for module, name in command.helpers:
        helpers.setdefault(module, []).append(name)
    files = [module.replace(".", "/") for module in helpers]
    settings = {
        "from": list(scratch.names),
        "to": scratch.project,
        "left_out": list(scratch.left_out),
        "records": records,
        "events": command.events,
        "helpers": helpers,
        "helper_files": [end for file in files for end in (f"{file}.py", f"{file}/__init__.py")],
    }
    with open(os.path.join(hook, "trial"), "wb") as file:
        file.write(marshal.dumps(settings, 2))


def _environment(hook: str, scratch: Scratch) -> dict[str, str]:
    env = {name: scratch.text_into_copy(value) for name, value in os.environ.items() if not _OF_A_TEST.match(name)}
    env["PYTHONPATH"] = os.pathsep.join([hook, *filter(None, [env.get("PYTHONPATH")])])
    env["PYTEST_ADDOPTS"] = " ".join(["-p _logshift_pytest", *filter(None, [env.get("PYTEST_ADDOPTS")])])
    env["TMPDIR"] = scratch.temporary
    env["PYTHONDONTWRITEBYTECODE"] = "1"  # beside libraries that may be the user's
    env.setdefault("PYTHONHASHSEED", "0")
    env["TOX_OVERRIDE"] = ";".join(
        [*filter(None, [env.get("TOX_OVERRIDE")]), "testenv.pass_env+=" + ",".join(_PASSED_ON)]
    )
    env["TOX_TESTENV_PASSENV"] = " ".join([*filter(None, [env.get("TOX_TESTENV_PASSENV")]), *_PASSED_ON])
    return env


def _execute(
    command: Command, scratch: Scratch, env: dict[str, str], log: str, tick: Callable[[float], None]
) -> int | None:
    """Run the command and return its exit status; None if it took too long."""
    folder = scratch.into_copy(command.folder)
    words = [scratch.text_into_copy(word) for word in command.words]
    first = os.path.join(folder, words[0])
    if os.sep in words[0] and not os.path.exists(first):  # a program that the copy lacks
        words[0] = os.path.join(command.folder, command.words[0])
    started = time.monotonic()
    with open(log, "wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - what the person asked for
                words, cwd=folder, env={**env, "PWD": folder}, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise CannotStartError(f"{command.words[0]}: {error.strerror}") from error
        try:
            while True:
                passed = time.monotonic() - started
                if command.timeout is not None and passed >= command.timeout:
                    return None
                left = 0.5 if command.timeout is None else min(0.5, command.timeout - passed)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(left)
                tick(time.monotonic() - started)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command and what it has left running."""
    if not hasattr(os, "killpg"):
        process.kill()
        process.wait()
        return
    for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            if number is signal.SIGKILL or not _is_alive(process.pid):
                return


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


# -- what the recorder has written -------------------------------------------------------------------------------------


def _records(folder: str) -> Iterator[tuple[object, ...]]:
    for name in sorted(filter(str.isdigit, os.listdir(folder)), key=int):
        with open(os.path.join(folder, name), "rb") as file:
            while len(size := file.read(4)) == 4:
                data = file.read(int.from_bytes(size, "big"))
                try:
                    yield marshal.loads(data)  # noqa: S302 - of a run that the person asked for
                except (ValueError, EOFError, TypeError):  # the process was killed while it wrote
                    break


def _ended(folder: str) -> int:
    """Return how many tests have ended: a byte for each."""
    with contextlib.suppress(OSError):
        return os.path.getsize(os.path.join(folder, "ended"))
    return 0


def _read(status: int | None, log: str, records: str, scratch: Scratch) -> Run:
    told = _Plain(scratch)
    tests: dict[str, str] = {}
    called: set[str] = set()
    events: list[Event] = []
    files: set[str] = set()
    defects: dict[str, None] = {}
    processes = 0
    told_loaded = False
    for kind, *parts in _records(records):
        values: list[object] = list(parts)
        if kind == "process":
            processes += 1
        elif kind == "event":
            events.append(_event(values, told))
        elif kind == "loaded":
            told_loaded = True
            assert isinstance(values[0], list)
            files.update(values[0])
        elif kind == "outcome":
            _count(tests, called, [str(value) for value in values], told)
        elif kind == "defect":
            defects[told.text(str(values[0]))] = None
    for name in tests.keys() - called:
        tests[name] = tests[name] or "it was not called"
    with open(log, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4 * _TAIL))
        tail = file.read().decode("utf-8", "replace")[-_TAIL:]
    inside = {file for file in files if file.startswith(scratch.project)}
    return Run(
        status,
        told.text(tail),
        tests,
        tuple(events),
        told_loaded,
        frozenset(scratch.relative(file) for file in inside),
        frozenset(scratch.relative(file) for file in files - inside if scratch.into_copy(file) != file),
        processes,
        tuple(defects),
    )


def _count(tests: dict[str, str], called: set[str], values: list[str], told: _Plain) -> None:
    """Take in how a part of a test ended: it passes if its call does and nothing else fails, in every session."""
    name, when, verdict, message = (told.text(value) for value in values)
    tests.setdefault(name, "")
    if when == "call":
        called.add(name)
    if verdict != "passed" and not tests[name]:
        tests[name] = message or verdict


def _event(values: list[object], told: _Plain) -> Event:
    test, level, logger, message, fields, exception, path, line, function, by_default = values
    assert isinstance(level, int)
    assert isinstance(line, int)
    assert isinstance(fields, tuple)
    return Event(
        None if test is None else told.text(str(test)),
        level,
        None if logger is None else str(logger),
        told.text(str(message)),
        tuple((str(key), told.text(str(value))) for key, value in fields),
        None if exception is None else str(exception),
        told.path(str(path)),
        line,
        str(function),
        bool(by_default),
    )


class _Plain:
    """Takes out of text what every run has anew: addresses, and where the copy lies."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._paths: dict[str, str] = {}

    def text(self, text: str) -> str:
        if not text.isascii():
            text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if "x" in text or "id=" in text:
            text = _ADDRESS.sub("…", text)
        if self._scratch.root in text:
            text = text.replace(self._scratch.project + os.sep, "").replace(self._scratch.project, ".")
            text = text.replace(self._scratch.temporary, "$TMPDIR")
        return text

    def path(self, path: str) -> str:
        if path not in self._paths:
            self._paths[path] = self._scratch.relative(path)
        return self._paths[path]
