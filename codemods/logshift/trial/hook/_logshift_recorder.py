"""Writes down which events an interpreter reports, during which test, and keeps its imports inside the copy.

In: ``trial``, a file beside this one. Out: one file for each process in the folder that ``trial`` names, of
values that `marshal` writes, each behind its length. Events are taken where error trackers take them: at
``Logger.callHandlers``, which a record reaches once levels and filters have let it pass, and where structlog has run
its processors. Nothing is imported that the program has not imported itself.
"""

from __future__ import annotations

import atexit
import marshal
import os
import sys
from _thread import _local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, ModuleType
    from typing import Any

_ENOUGH = 500  # events of one place in one test that are told in full; the others are counted
_LONG = 2000  # characters
_MANY = 50  # elements
_PLAIN_MODULES = frozenset({"datetime", "decimal", "uuid", "pathlib", "enum", "fractions", "ipaddress"})
_LEVELS = {
    "debug": 10, "info": 20, "msg": 20, "warning": 30, "warn": 30, "error": 40, "err": 40, "exception": 40,
    "failure": 40, "critical": 50, "fatal": 50,
}  # fmt: skip
_MACHINERY = ("logging", "structlog", "_logshift_recorder", "concurrent.futures")
_TEST = "LOGSHIFT_TRIAL_TEST"  # which unittest a child process belongs to; pytest has a variable of its own


class _State:
    """What one interpreter knows of its trial."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.test: str | None = None
        self.counts: dict[tuple[str, int], int] = {}
        self.file: tuple[int, int, int] | None = None  # the process, its file, and which file that is on disk
        self.pytest = False  # whether pytest says which tests pass
        self.depth = 0  # of unittest's tests inside each other
        self.fields: frozenset[str] = frozenset()  # what a record has without anybody's extra


_state = _State()
_thread: Any = _local()  # busy: the recorder itself is at work; pending: an event on its way through structlog


def begin(folder: str) -> None:
    """Take up the work in this interpreter."""
    with open(os.path.join(folder, "trial"), "rb") as file:
        _state.settings = marshal.loads(file.read())  # noqa: S302 - written by the program that started this one
    current = os.environ.get("PYTEST_CURRENT_TEST")
    _state.test = current.rpartition(" (")[0] if current else os.environ.get(_TEST)
    write(("process", os.getpid()))
    _redirect_paths()
    sys.meta_path.insert(0, _Finder())
    for name, tap in _TAPS.items():
        if name in sys.modules and not _is_loading(sys.modules[name]):
            _attempt(tap, sys.modules[name])
    atexit.register(write_loaded)


def write(value: Any) -> None:
    """Append a value to the file of this process, at once: processes are killed, too."""
    try:
        data = marshal.dumps(value, 2)
    except ValueError:
        data = marshal.dumps(("defect", f"cannot be written: {value!r:.200}"), 2)
    try:
        os.write(_descriptor(), len(data).to_bytes(4, "big") + data)
    except (OSError, KeyError):  # the disk is full, or nothing has begun: the program must go on
        _state.file = None


def _descriptor() -> int:
    """Return the file of this process, open; whoever forks has one of its own, and daemons close what they inherit."""
    process = os.getpid()
    if _state.file is not None and _state.file[0] == process:
        try:
            if os.fstat(_state.file[1]).st_ino == _state.file[2]:
                return _state.file[1]
        except OSError:
            pass
    path = os.path.join(_state.settings["records"], str(process))
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
    _state.file = (process, opened, os.fstat(opened).st_ino)
    return opened


def write_loaded() -> None:
    """Write down which files of the copy, and which of the original, were imported."""
    places = (_state.settings["to"], *_state.settings["from"])
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    write(("loaded", [str(file) for file in files if file and any(is_below(str(file), place) for place in places)]))


def enter(test: str | None) -> str | None:
    """Count what is reported from now on as reported during `test`; return which one it was before."""
    before, _state.test = _state.test, test
    _state.counts.clear()
    return before


def outcome(test: str, when: str, verdict: str, message: str) -> None:
    """Write down how a part of a test ended."""
    write(("outcome", plain(test), when, verdict, plain(message)[:_LONG]))
    if when == "call":
        try:
            with open(os.path.join(_state.settings["records"], "ended"), "ab") as file:
                file.write(b".")
        except OSError:  # it only moves a bar
            pass


def pytest_reports() -> None:
    """Leave it to pytest to say which tests pass, unittest's own among them."""
    _state.pytest = True


def plain(text: str) -> str:
    """Return text as `marshal` takes it."""
    return str.__str__(text)


def is_below(path: str, folder: str) -> bool:
    """Say whether `path` is `folder` or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _attempt(function: Any, *arguments: Any) -> Any:
    """Call a function of ours beside the program's own work; what goes wrong is written down, not raised."""
    if getattr(_thread, "busy", False):
        return None
    _thread.busy = True
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - a recorder that breaks what it watches shows nothing
        write(("defect", f"{function.__name__}: {type(error).__name__}: {error!s:.200}"))
        return None
    finally:
        _thread.busy = False


# -- imports stay inside the copy ------------------------------------------------------------------------------------


def into_copy(path: str) -> str:
    """Return where the copy has what is at `path`; that itself if the copy has no such place."""
    settings = _state.settings
    for folder in settings["from"]:
        if is_below(path, folder) and not any(is_below(path, one) for one in settings["left_out"]):
            return str(settings["to"]) + path[len(folder) :]
    return path


def _redirect_paths() -> None:
    """Lead what installed the project – ``.pth`` files, setuptools' finders – into the copy."""
    sys.path[:] = [into_copy(path) for path in sys.path]
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__"):
            mapping, namespaces = getattr(module, "MAPPING", {}), getattr(module, "NAMESPACES", {})
            mapping.update({key: into_copy(path) for key, path in mapping.items()})
            namespaces.update({key: [into_copy(path) for path in paths] for key, paths in namespaces.items()})


class _Finder:
    """Stands before the other finders: leads what they find in the user's tree into the copy, and taps libraries."""

    def __init__(self) -> None:
        self.others_are_plain = all(
            getattr(finder, "__module__", "").startswith("_frozen_importlib") for finder in sys.meta_path
        )

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        is_plain = path is not None and self.others_are_plain  # its package was found in the copy
        if (name not in _TAPS and is_plain) or getattr(_thread, "finding", False):
            return None
        _thread.finding = True
        try:
            spec = self._of_others(name, path, target)
        finally:
            _thread.finding = False
        if spec is None:
            return None
        changed = _redirect(spec)
        if name in _TAPS and hasattr(spec.loader, "exec_module"):
            spec.loader = _TappingLoader(spec.loader, _TAPS[name])
            changed = True
        return spec if changed else None

    def _of_others(self, name: str, path: Any, target: Any) -> Any:
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


def _redirect(spec: Any) -> bool:
    """Lead a spec into the copy; say whether it was led elsewhere before."""
    changed = False
    found = spec.submodule_search_locations
    if found is not None:
        places = [into_copy(place) for place in found]
        if places != list(found):
            spec.submodule_search_locations = places
            changed = True
    origin = spec.origin
    if isinstance(origin, str) and into_copy(origin) != origin:
        spec.origin = into_copy(origin)
        if hasattr(spec.loader, "path"):
            spec.loader.path = spec.origin
        spec.cached = None
        changed = True
    return changed


class _TappingLoader:
    """Loads a library as its own loader does, then taps it."""

    def __init__(self, loader: Any, tap: Any) -> None:
        self._loader, self._tap = loader, tap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _attempt(self._tap, module)


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


# -- the standard library's events -----------------------------------------------------------------------------------


def _tap_logging(logging: Any) -> None:
    if not _state.settings["events"]:
        return
    empty = logging.LogRecord("", 0, "", 0, "", (), None)
    _state.fields = frozenset({*empty.__dict__, "message", "asctime", "taskName", "stack_info"})
    call_handlers = logging.Logger.callHandlers

    def callHandlers(self: Any, record: Any) -> Any:
        _attempt(_take_record, record)
        return call_handlers(self, record)

    callHandlers.__qualname__ = call_handlers.__qualname__
    callHandlers.__doc__ = call_handlers.__doc__
    logging.Logger.callHandlers = callHandlers


def _take_record(record: Any) -> None:
    pending = getattr(_thread, "pending", None)
    if pending is not None and pending[0] == record.name:  # what structlog made of an event that it has told us of
        _thread.pending = None
        _, _, message, fields, exception, place, _ = pending
        _emit(record.levelno, record.name, message, fields, exception, place)
        return
    fields = {plain(str(key)): told(value) for key, value in record.__dict__.items() if key not in _state.fields}
    exception = record.exc_info[0] if isinstance(record.exc_info, tuple) else None
    place = (str(record.pathname), int(record.lineno), str(record.funcName))
    if _state.settings["helpers"] and any(place[0].endswith(end) for end in _state.settings["helper_files"]):
        place = _place(sys._getframe(1))
    _emit(int(record.levelno), plain(str(record.name)), _message(record), fields, _type_name(exception), place)


def _message(record: Any) -> str:
    try:
        return plain(record.getMessage())
    except Exception as error:  # noqa: BLE001 - stdlib tells of it where a handler formats the record
        return f"{record.msg!s} % {told(record.args)} ({type(error).__name__})"


def _emit(
    level: int, logger: str | None, message: str, fields: dict[str, str], exception: str | None,
    place: tuple[str, int, str], *, by_default: bool = False,
) -> None:  # fmt: skip
    path, line, function = place
    number = _state.counts[(path, line)] = _state.counts.get((path, line), 0) + 1
    if number > _ENOUGH:
        message, fields = "", {}
    write(
        (
            "event", _state.test and plain(_state.test), int(level), logger and plain(logger), plain(message)[:_LONG],
            tuple(sorted(fields.items())), exception, plain(path), int(line), plain(function), by_default,
        )
    )  # fmt: skip


def told(value: object, depth: int = 0) -> str:
    """Return what a field holds, without calling into classes of the application: some ask a database."""
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, bytes):
        return repr(value)[:_LONG]
    if isinstance(value, str):
        return repr(str.__str__(value))[:_LONG]
    if isinstance(value, BaseException):
        return f"{kind.__name__}{told(value.args, depth + 1)}"
    if kind.__module__.partition(".")[0] in _PLAIN_MODULES or any(
        base.__module__ == "enum" for base in kind.__mro__[1:]
    ):
        return str.__str__(repr(value))[:_LONG]
    if isinstance(value, (int, float)):
        return repr(value + 0)
    if depth < 4:
        if kind is dict:
            items = list(value.items())[:_MANY]  # type: ignore[attr-defined]
            return f"{{{', '.join(f'{told(k, depth + 1)}: {told(v, depth + 1)}' for k, v in items)}}}"
        if kind in (list, tuple, set, frozenset):
            parts = [told(part, depth + 1) for part in list(value)[:_MANY]]  # type: ignore[call-overload]
            return f"[{', '.join(parts if kind in (list, tuple) else sorted(parts))}]"
    return f"<{kind.__module__}.{kind.__qualname__}>"


def _type_name(kind: Any) -> str | None:
    return None if kind is None else plain(getattr(kind, "__name__", None) or str(kind))


# -- structlog's events ----------------------------------------------------------------------------------------------


def _tap_structlog(base: Any) -> None:
    if not _state.settings["events"]:
        return
    cls = base.BoundLoggerBase
    process_event, proxy_to_logger = cls._process_event, cls._proxy_to_logger

    def _process_event(self: Any, method_name: str, event: Any, event_kw: Any) -> Any:
        given = _attempt(_describe, self, method_name, event, event_kw)
        finished = process_event(self, method_name, event, event_kw)
        if given is not None:
            _attempt(_take_structlog, self, given)
        return finished

    def _proxy_to_logger(self: Any, method_name: str, event: Any = None, **event_kw: Any) -> Any:
        try:
            return proxy_to_logger(self, method_name, event, **event_kw)
        finally:
            _thread.pending = None

    cls._process_event, cls._proxy_to_logger = _process_event, _proxy_to_logger


def _describe(bound: Any, method: str, event: Any, keywords: Any) -> tuple[Any, ...]:
    """Return an event as the code reports it, before processors make something else of it."""
    fields: dict[str, Any] = {}
    if any(getattr(one, "__name__", "") == "merge_contextvars" for one in bound._processors):
        fields.update(sys.modules["structlog.contextvars"].get_contextvars())
    fields.update(bound._context)
    fields.update(keywords)
    exc_info = fields.pop("exc_info", None) or method == "exception"
    for name in ("stack_info", "stacklevel", "_record", "_from_structlog"):
        fields.pop(name, None)
    arguments = fields.pop("positional_args", ())
    event = fields.pop("event", None) if event is None else event
    message = str(event)
    if arguments:
        try:
            message = message % arguments
        except (TypeError, ValueError, KeyError):
            message = f"{message} % {told(arguments)}"
    described = {plain(str(key)): told(value) for key, value in fields.items()}
    level, place = _LEVELS.get(method, 0), _place(_calling_frame())
    return level, plain(message), described, _type_name(_exception(exc_info)), place, _is_by_default(level)


def _is_by_default(level: int) -> bool:
    """Say whether an event is only printed because nobody configured structlog; an unconfigured tree would not.

    ``structlog.testing.capture_logs`` leaves the defaults behind as somebody's configuration.
    """
    logging: Any = sys.modules.get("logging")
    if level >= (30 if logging is None else logging.root.level):
        return False
    config: Any = sys.modules["structlog._config"]
    return not config.is_configured() or all(
        value == getattr(config, f"_BUILTIN_{name.upper()}", getattr(config, f"_BUILTIN_DEFAULT_{name.upper()}", None))
        for name, value in config.get_config().items()
    )


def _take_structlog(bound: Any, given: tuple[Any, ...]) -> None:
    level, message, fields, exception, place, by_default = given
    logging: Any = sys.modules.get("logging")
    if logging is not None and isinstance(bound._logger, logging.Logger):  # whose level decides
        _thread.pending = (bound._logger.name, *given)
    else:
        name = getattr(bound._logger, "name", None)
        _emit(level, name if isinstance(name, str) else None, message, fields, exception, place, by_default=by_default)


def _exception(exc_info: Any) -> Any:
    if isinstance(exc_info, BaseException):
        return type(exc_info)
    if isinstance(exc_info, tuple):
        return exc_info[0] if exc_info else None
    return sys.exc_info()[0] if exc_info else None


# -- loguru's events -------------------------------------------------------------------------------------------------


def _tap_loguru(handler: Any) -> None:
    if not _state.settings["events"]:
        return
    emit = handler.Handler.emit

    def tapped(self: Any, record: Any, *arguments: Any, **keywords: Any) -> Any:
        if getattr(_thread, "last", None) is not record and record["level"].no >= self.levelno:
            _thread.last = record  # the other handlers get it too
            _attempt(_take_loguru, record)
        return emit(self, record, *arguments, **keywords)

    handler.Handler.emit = tapped


def _take_loguru(record: Any) -> None:
    fields = {plain(str(key)): told(value) for key, value in record["extra"].items()}
    exception = record["exception"]
    place = (str(record["file"].path), int(record["line"]), str(record["function"]))
    _emit(
        int(record["level"].no), record["name"], record["message"], fields,
        _type_name(exception.type if exception else None), place,
    )  # fmt: skip


# -- where an event was reported -------------------------------------------------------------------------------------


def _calling_frame() -> Any:
    """Return the frame that an event of structlog is reported from; its coroutines leave it with structlog."""
    kept: Any = getattr(sys.modules.get("structlog.contextvars"), "_ASYNC_CALLING_STACK", None)
    frame = kept.get(None) if kept is not None else None
    return frame or sys._getframe(1)


def _place(frame: FrameType | None) -> tuple[str, int, str]:
    last = frame
    while frame is not None and _is_machinery(frame):
        last, frame = frame, frame.f_back
    found: Any = frame or last
    return found.f_code.co_filename, found.f_lineno, found.f_code.co_name


def _is_machinery(frame: FrameType) -> bool:
    """Say whether a frame belongs to a logging library, or to a helper that is to be migrated away."""
    name = str(frame.f_globals.get("__name__", ""))
    if any(name == module or name.startswith(module + ".") for module in _MACHINERY):
        return True
    if name in _state.settings["helpers"]:
        kind = type(frame.f_locals.get("self"))
        return kind.__name__ in _state.settings["helpers"][name]
    return False


# -- unittest's tests ------------------------------------------------------------------------------------------------

_FAILURES = ("addError", "addFailure", "addSkip", "addExpectedFailure", "addUnexpectedSuccess", "addSubTest")


def _tap_unittest(case: Any) -> None:
    run = case.TestCase.run

    def tapped(self: Any, result: Any = None) -> Any:
        if _state.pytest or _state.depth or result is None:
            return run(self, result)
        _state.depth += 1
        before = enter(self.id())
        kept, os.environ[_TEST] = os.environ.get(_TEST), self.id()
        notes: list[str] = []
        replaced = [name for name in _FAILURES if _watch(result, name, notes)]
        try:
            return run(self, result)
        finally:
            for name in replaced:
                result.__dict__.pop(name, None)
            outcome(self.id(), "call", "failed" if notes else "passed", notes[0] if notes else "")
            os.environ.pop(_TEST, None)
            if kept is not None:
                os.environ[_TEST] = kept
            enter(before)
            _state.depth -= 1

    tapped.__name__, tapped.__qualname__, tapped.__doc__ = "run", run.__qualname__, run.__doc__
    case.TestCase.run = tapped


def _watch(result: Any, name: str, notes: list[str]) -> bool:
    """Note the calls of one of a result's methods that say that a test did not pass, whatever its class is."""
    method = getattr(result, name, None)
    if method is None or name in getattr(result, "__dict__", {name: None}):
        return False

    def noting(*arguments: Any, **keywords: Any) -> Any:
        if name != "addSubTest" or (len(arguments) > 2 and arguments[2] is not None):
            last = arguments[-1] if arguments else ""
            notes.append(_attempt(_reason, name, last) or name)
        return method(*arguments, **keywords)

    setattr(result, name, noting)
    return True


def _reason(name: str, last: Any) -> str:
    if isinstance(last, tuple) and len(last) == 3:
        return f"{_type_name(last[0])}: {str(last[1])[:300]}"
    return f"{name}: {str(last)[:300]}"


_TAPS = {
    "logging": _tap_logging,
    "structlog._base": _tap_structlog,
    "loguru._handler": _tap_loguru,
    "unittest.case": _tap_unittest,
}
