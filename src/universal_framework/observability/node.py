"""Loggers for code that is not migrated yet: `logging.Logger`, except that handlers see no secret.

In: calls on loggers that `logging.getLogger` made after `install`, or that exist and were taken over by `adopt`. Out:
the records that the standard library makes of them. Between the last filter and the first handler each record is
redacted as the current configuration says: message, arguments, attributes, exception and stack. A clean record is
passed on as it is, of another a copy. Levels, filters, hooks, callers, signatures are stdlib's and stay so.

    import logging
    from universal_framework.observability import node

    node.install()  # before the modules that make loggers are imported, or
    node.adopt()  # at any time, for those that exist

The house's own handlers redact what they render; they get the record as it came and it is not looked at twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from universal_framework.observability import _delivery, _pipeline, _tree
from universal_framework.observability._lines import LineHandler

__all__ = ["LoggerNode", "adopt", "install", "uninstall"]

_Change = Callable[[type[logging.Logger]], type[logging.Logger]]


class LoggerNode(logging.Logger):
    """A `logging.Logger` whose handlers, ours or foreign, get records without secrets.

    For `logging.setLoggerClass`; can stand before another logger class as a base. Where ``callHandlers`` is replaced
    on `logging.Logger` (Sentry does it) or defined by such a class, that gets the redacted record.
    """

    def callHandlers(self, record: logging.LogRecord) -> None:
        """Pass `record`, redacted, to the handlers of this logger and of those it propagates to."""
        above = super().callHandlers
        pipeline = _pipeline.current()
        if not _tree.is_of_stdlib("callHandlers", above):
            above(_delivery.without_secrets(record, pipeline))
            return
        clean: logging.LogRecord | None = None
        found = False
        at: logging.Logger | None = self
        while at is not None:
            for handler in at.handlers:
                found = True
                if record.levelno < handler.level:
                    continue
                if handler.__class__ is LineHandler and not handler.filters:
                    handler.handle(record)
                    continue
                if clean is None:
                    clean = _delivery.without_secrets(record, pipeline)
                _delivery.apart(handler.handle, clean)
            at = at.parent if at.propagate else None
        if not found:  # stdlib's last resort, and what it says where there is none
            above(_delivery.without_secrets(record, pipeline))


class _RootNode(LoggerNode, logging.RootLogger):
    """The root of the tree, which stdlib makes of a class of its own."""


for _cls in (LoggerNode, _RootNode):
    _tree.regard_as_stdlib(_cls)


def install() -> None:
    """Make `LoggerNode` the class of all loggers that are made from now on.

    If the application has set a logger class of its own, new loggers are of both. Loggers that exist keep their class;
    `adopt` changes that.
    """
    logging.setLoggerClass(_redacting(logging.getLoggerClass()))


def adopt() -> list[str]:
    """Make every logger that exists, the root included, a `LoggerNode` as well.

    Returns:
        The names of the loggers whose class cannot be changed; their records are not redacted.
    """
    return _change_each(_redacting)


def uninstall() -> None:
    """Undo `install` and `adopt`."""
    logging.setLoggerClass(_plain(logging.getLoggerClass()))
    _change_each(_plain)


def _change_each(change: _Change) -> list[str]:
    left = []
    nodes = [node for node in list(logging.Logger.manager.loggerDict.values()) if isinstance(node, logging.Logger)]
    for node in (logging.getLogger(), *nodes):
        wanted = change(type(node))
        if wanted is not type(node):
            try:
                node.__class__ = wanted
            except TypeError:  # of a layout of its own, as classes with slots are
                left.append(node.name)
    return left


def _redacting(cls: type[logging.Logger]) -> type[logging.Logger]:
    """Return `cls` with `LoggerNode` before it."""
    if issubclass(cls, LoggerNode):
        return cls
    made = next((made for made, plain in _joined.items() if plain is cls), None)
    if made is None:
        made = type(cls.__name__, (LoggerNode, cls), {"__module__": cls.__module__})
        _joined[made] = cls
    return made


def _plain(cls: type[logging.Logger]) -> type[logging.Logger]:
    """Return what `_redacting` made `cls` of; `cls` itself where somebody else did."""
    return _joined.get(cls, cls)


#: What each class was made of.
_joined: dict[type[logging.Logger], type[logging.Logger]] = {
    LoggerNode: logging.Logger,
    _RootNode: logging.RootLogger,
}
