"""Configuration of logging: where events go, in which form, from which level on.

In: a `LoggingConfig`, or its settings as keywords. Out: one handler at the root of the logging tree, and a handle
that takes everything back. Handlers of others – of a test runner, of an error tracker – stay where they are.

A new configuration replaces the old one as a whole and at once, also for loggers that exist; what cannot be opened
leaves the old one untouched. All of it may be called from any thread.

    configure_logging(level="DEBUG", levels={"urllib3": "WARNING"}, destination="/var/log/app.log")

    with configure_logging(format="console"):
        ...
"""

from __future__ import annotations

import dataclasses
import importlib
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, cast

from universal_framework.observability import _losses, _pipeline, _unredacted
from universal_framework.observability._cost import Costs
from universal_framework.observability._event import Event, Layout
from universal_framework.observability._lines import LineHandler
from universal_framework.observability._outputs import FileOutput, Output, Rotation, StreamOutput
from universal_framework.observability._sampling import Sampler
from universal_framework.observability._settings import (
    AuditConfig,
    ConfigurationError,
    LoggingConfig,
    SamplingConfig,
    is_output,
    level_number,
)
from universal_framework.observability._sinks import (
    BATCH_SECONDS,
    DirectSink,
    Limits,
    Notice,
    QueuedSink,
    SinkStats,
    WhenFull,
)
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

__all__ = [
    "AuditConfig",
    "Configuration",
    "ConfigurationError",
    "LoggingConfig",
    "SamplingConfig",
    "configure_logging",
]

#: The logger that events of this package itself are reported by.
_OWN: Final = "universal_framework.observability"


def configure_logging(config: LoggingConfig | None = None, /, **settings: Any) -> Configuration:
    """Log as `config` says, or as its default does; with `settings`, each a field of `LoggingConfig`, over that.

    Returns:
        A handle. Closing it, or leaving its ``with`` block, brings back what held before; who means the
        configuration to last may drop it.

    Raises:
        ConfigurationError: if a setting is unknown or wrong, or a file, descriptor or folder cannot be opened. What
            held before still holds.
    """
    if config is None:
        config = LoggingConfig.from_mapping(settings)
    elif settings:
        known = {one.name for one in dataclasses.fields(config)}
        if not known.issuperset(settings):
            LoggingConfig.from_mapping(settings)  # says what is wrong
        config = dataclasses.replace(config, **settings)
    held = _STACK.push(config)
    if config.redaction is None and _unredacted.is_asked_for():
        UniversalFrameworkLogger("observability", name=_OWN).warning("redaction_is_off", by=_unredacted.VARIABLE)
    return held


class Configuration:
    """A configuration that was made to hold, and the way back.

    Closing the one that holds brings back the one before it, if that was not closed meanwhile, else the state in which
    the first one found the logging tree.
    """

    def __init__(self, config: LoggingConfig) -> None:
        self._config = config
        self._live: _Live | None = None

    @property
    def config(self) -> LoggingConfig:
        """What it says."""
        return self._config

    @property
    def handler(self) -> logging.Handler | None:
        """The handler that writes; None while another configuration holds."""
        live = self._live
        return None if live is None else live.handler

    def stats(self) -> SinkStats | None:
        """Return what was written and lost since it holds; None while another configuration holds."""
        live = self._live
        return None if live is None else live.sink.stats()

    def costs(self) -> Costs | None:
        """Return what log calls cost, of those that were timed: one in 64. None while another configuration holds."""
        live = self._live
        return None if live is None else live.pipeline.cost.told()

    def events_lost(self) -> int:
        """Return how many events of the house logger this process lost before they reached a sink or a handler."""
        return _losses.count()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was reported is written; False if `timeout` seconds did not suffice."""
        live = self._live
        return True if live is None else live.sink.flush(timeout)

    def close(self) -> None:
        """Write what is queued, let go, and bring back what held before. Once is enough; again does nothing."""
        _STACK.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Live(NamedTuple):
    """What a configuration opened."""

    handler: LineHandler
    sink: QueuedSink | DirectSink
    audit: Any
    pipeline: Any


class _Entry(NamedTuple):
    config: LoggingConfig
    handle: Callable[[], Configuration | None]


class _Found(NamedTuple):
    """What the first configuration found, to be brought back after the last."""

    root_level: int
    pipeline: Any


class _Stack:
    """The configurations that were made to hold and not closed; the last one holds."""

    def __init__(self) -> None:
        self._changing = threading.RLock()
        self._entries: list[_Entry] = []
        self._live: _Live | None = None
        self._found: _Found | None = None
        self._levels: dict[str, tuple[int, int]] = {}  # by module: the level before, and the one set
        self._root_level: int | None = None  # the one set
        self._captures = False

    def push(self, config: LoggingConfig) -> Configuration:
        """Make `config` hold."""
        with self._changing:
            live = _opened(config, self._reusable_audit(config))
            handle = Configuration(config)
            if self._entries:
                below = self._entries[-1]
                former = below.handle()
                if former is not None:
                    former._live = None
                else:  # nobody can close it, so what is below it can never come back
                    del self._entries[:-1]
            self._entries.append(_Entry(config, weakref.ref(handle)))
            handle._live = live
            self._replace(config, live)
        return handle

    def remove(self, handle: Configuration) -> None:
        """Forget `handle`; if it held, make the one before it hold."""
        with self._changing:
            index = next((i for i, entry in enumerate(self._entries) if entry.handle() is handle), None)
            if index is None:
                return
            holds = index == len(self._entries) - 1
            del self._entries[index]
            handle._live = None
            if not holds:
                return
            while self._entries:
                config, former = self._entries[-1]
                try:
                    live = _opened(config, self._reusable_audit(config))
                except ConfigurationError as error:
                    del self._entries[-1]
                    logger = UniversalFrameworkLogger("observability", name=_OWN)
                    logger.error("configuration_not_restored", reason=str(error))  # noqa: TRY400 - it says all there is
                    continue
                held = former()
                if held is not None:
                    held._live = live
                self._replace(config, live)
                return
            self._bring_back()

    def clear(self) -> None:
        """Forget all, and bring back the state that the first found; for tests, which share a process."""
        with self._changing:
            for entry in self._entries:
                handle = entry.handle()
                if handle is not None:
                    handle._live = None
            self._entries.clear()
            self._bring_back()

    def after_fork_in_child(self) -> None:
        """Forget that another thread, which the child does not have, was changing something."""
        self._changing = threading.RLock()

    def _reusable_audit(self, config: LoggingConfig) -> Any:
        """Return the open trail if `config` asks for the very same one."""
        if self._live is None or self._live.audit is None:
            return None
        held = self._held_audit
        return self._live.audit if _trail_of(config.audit) == held else None

    _held_audit: tuple[object, ...] | None = None

    # -- the logging tree -----------------------------------------------------------------------------------------

    def _replace(self, config: LoggingConfig, live: _Live) -> None:
        root = logging.getLogger()
        former = self._live
        before = _pipeline.install(live.pipeline)
        if self._found is None:
            self._found = _Found(root.level, before)
        if former is not None and former.handler in root.handlers:
            root.handlers[root.handlers.index(former.handler)] = live.handler  # one step: no event is between
        else:
            root.addHandler(live.handler)
        self._live, self._held_audit = live, _trail_of(config.audit)
        self._set_levels(config)
        self._capture_warnings(wanted=config.capture_warnings)
        if former is not None:
            _let_go(former, keep_audit=former.audit is live.audit)

    def _bring_back(self) -> None:
        root, live, found = logging.getLogger(), self._live, self._found
        if live is None or found is None:
            return
        self._live = self._found = self._held_audit = None
        self._reset_levels({})
        if root.level == self._root_level:
            root.setLevel(found.root_level)
        self._root_level = None
        self._capture_warnings(wanted=False)
        root.removeHandler(live.handler)
        _pipeline.install(found.pipeline)
        _let_go(live, keep_audit=False)

    def _set_levels(self, config: LoggingConfig) -> None:
        self._root_level = _number(config.level)
        self._reset_levels(config.levels)
        for name, level in config.levels.items():
            node, number = logging.getLogger(name), _number(level)
            before = self._levels.get(name, (node.level, 0))[0]
            self._levels[name] = before, number
            node.setLevel(number)
        logging.getLogger().setLevel(self._root_level)

    def _reset_levels(self, wanted: Mapping[str, object]) -> None:
        """Bring back the levels of modules not `wanted` any more, but not of one that somebody else set since."""
        for name in [name for name in self._levels if name not in wanted]:
            before, number = self._levels.pop(name)
            node = logging.getLogger(name)
            if node.level == number:
                node.setLevel(before)

    def _capture_warnings(self, *, wanted: bool) -> None:
        if wanted != self._captures:
            if wanted and logging._warnings_showwarning is not None:  # type: ignore[attr-defined]
                return  # the application does that itself
            logging.captureWarnings(wanted)
            self._captures = wanted


_STACK: Final = _Stack()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_STACK.after_fork_in_child)


# -- opening ----------------------------------------------------------------------------------------------------


def _opened(config: LoggingConfig, audit: Any) -> _Live:
    """Open all that `config` names, or nothing."""
    output = _output(config)
    reused = audit is not None
    try:
        layout = _layout(config)
        audit = audit if reused else _audit(config.audit)
        pipeline = _pipeline.Pipeline(
            policy=config.redaction,
            audit=audit,
            audit_from=_pipeline.NEVER if config.audit.level is None else _number(config.audit.level),
            sample=_sampler(config.sampling),
            budget_ns=int(config.budget_ms * 1_000_000),
            caller=config.caller,
            session_key=config.session_key.encode() if isinstance(config.session_key, str) else config.session_key,
            hash_sessions=True,
        )
    except BaseException:
        output.close()
        raise
    limits = Limits(config.queue_lines, config.queue_bytes, WhenFull(config.when_full), config.block_seconds)
    sink: QueuedSink | DirectSink
    if config.durability == "queued":
        sink = QueuedSink(
            output, limits, notice_of(layout), batch_seconds=getattr(output, "batch_seconds", BATCH_SECONDS)
        )
    else:
        sink = DirectSink(output, limits, notice_of(layout))
    return _Live(LineHandler(layout, sink), sink, audit, pipeline)


def _output(config: LoggingConfig) -> Output:
    destination: Any = config.destination
    if is_output(destination):
        return cast("Output", destination)
    if destination in {"stdout", "stderr"}:
        return StreamOutput(str(destination))
    if isinstance(destination, str) and destination.startswith("fd:"):
        destination = int(destination[3:])
    try:
        if isinstance(destination, int):
            os.fstat(destination)
            return StreamOutput(destination)
        rotation = Rotation(config.rotate_bytes, config.rotate_daily, config.rotate_keep)
        return FileOutput(destination, rotation if config.rotate_bytes or config.rotate_daily else None)
    except OSError as error:
        hint = ""
        if isinstance(error, FileNotFoundError):
            hint = "; make its folder first"
        raise ConfigurationError(f"destination: {destination} cannot be opened: {error.strerror}{hint}") from error


def _layout(config: LoggingConfig) -> Layout:
    form = config.format
    terminal = _is_terminal(config.destination)
    if form == "auto":
        form = "console" if terminal else getattr(config.destination, "layout", "json")
    if form == "json":
        from universal_framework.observability._render import JsonLines

        return JsonLines()
    from universal_framework.observability import _layouts

    if form == "console":
        return _layouts.Console(colours=_layouts.wants_colours(os.environ, terminal=terminal))
    return _layouts.Ecs(config.service) if form == "ecs" else _layouts.Otel(config.service)


def _is_terminal(destination: object) -> bool:
    try:
        if destination in {"stdout", "stderr"}:
            stream = getattr(sys, str(destination))
            return stream is not None and bool(stream.isatty())
        if isinstance(destination, str) and destination.startswith("fd:"):
            destination = int(destination[3:])
        return isinstance(destination, int) and os.isatty(destination)
    except (OSError, ValueError, AttributeError):  # closed, or no stream at all
        return False


def _audit(config: AuditConfig) -> Any:
    if config.directory is None:
        if config.level is not None:
            raise ConfigurationError("audit.directory: must be set where audit.level is: there is no trail to write to")
        return None
    audit: Any = importlib.import_module("universal_framework.observability.audit")
    try:
        return audit.AuditLog.open(config.directory, durability=config.durability, retention_days=config.retention_days)
    except (OSError, audit.AuditError) as error:
        raise ConfigurationError(f"audit.directory: {config.directory} cannot be opened: {error}") from error


def _trail_of(config: AuditConfig) -> tuple[object, ...] | None:
    """Return by what two configurations have the same trail."""
    if config.directory is None:
        return None
    return os.path.abspath(config.directory), config.durability, config.retention_days


def _sampler(config: SamplingConfig) -> Sampler | None:
    if not config.levels and not config.events:
        return None
    return Sampler({_number(level): rate for level, rate in config.levels.items()}, config.events)


def _number(level: object) -> int:
    number = level_number(level)
    assert number is not None  # checked when the configuration was made
    return number


def notice_of(layout: Layout) -> Notice:
    """Return what makes the line that tells of losses."""

    def notice(lost: int, why: str) -> bytes:
        fields = {"lost": lost, "reason": why}
        return layout.render(Event(time.time_ns(), logging.ERROR, "ERROR", None, _OWN, "log_lines_lost", fields))

    return notice


def _let_go(live: _Live, *, keep_audit: bool) -> None:
    live.handler.close()
    live.sink.close()
    if live.audit is not None and not keep_audit:
        live.audit.close()
