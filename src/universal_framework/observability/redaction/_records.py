"""Log records on their way to handlers of any kind.

In: a `logging.LogRecord`. Out: the same record if it is clean, else a copy: message, arguments, extra attributes,
exception and stack texts. The record that other handlers see is not touched.
"""

from __future__ import annotations

import copy
import logging
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from universal_framework.observability.redaction._policy import Policy
    from universal_framework.observability.redaction._redactor import Redactor

#: Attributes of every record that hold no words of the application, or are looked at by name below.
_OWN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}


def redacted(redactor: Redactor, record: logging.LogRecord) -> logging.LogRecord:
    """Return `record` without secrets."""
    changes: dict[str, object] = {}
    _message(redactor, record, changes)
    _exception(redactor, record, changes)
    for name in ("message", "stack_info"):
        text = getattr(record, name, None)
        if isinstance(text, str) and (new := redactor.text(text)) is not text:
            changes[name] = new
    extra = {name: value for name, value in vars(record).items() if name not in _OWN}
    clean = redactor.fields(extra)
    gone: set[str] = set()
    if clean is not extra:
        changes.update({name: value for name, value in clean.items() if value is not extra.get(name)})
        gone = extra.keys() - clean.keys()
    if not changes and not gone:
        return record
    new_record = copy.copy(record)
    vars(new_record).update(changes)
    for name in gone:
        delattr(new_record, name)
    return new_record


def _message(redactor: Redactor, record: logging.LogRecord, changes: dict[str, object]) -> None:
    """Redact message and arguments; keep them apart where that hides as much as redacting them joined."""
    template = record.msg if isinstance(record.msg, str) else _text(record.msg)
    whole = _text_of_record(record)
    safe = redactor.text(whole)
    args = record.args
    safe_args: object = args
    if isinstance(args, Mapping):
        safe_args = redactor.fields(args)
    elif args:
        safe_args = redactor.value(tuple(args))
    if safe is whole and safe_args is args and redactor.text(template) is template:
        if not isinstance(record.msg, str) and redactor.value(record.msg) is not record.msg:
            changes["msg"] = safe
        return
    apart = _joined(template, safe_args)
    if isinstance(record.msg, str) and apart is not None and redactor.text(apart) is apart:
        if redactor.text(template) is template:
            changes["args"] = safe_args
            return
        safe = apart
    changes["msg"] = safe
    changes["args"] = ()


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - an object of the caller's
        return "[UNREADABLE]"


def _text_of_record(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a format that does not fit its arguments is shown beside them
        return f"{_text(record.msg)} {_text(record.args)}"


def _joined(template: str, args: object) -> str | None:
    try:
        return template % args if args else template
    except Exception:  # noqa: BLE001 - a mask where the format wants a number
        return None


def _exception(redactor: Redactor, record: logging.LogRecord, changes: dict[str, object]) -> None:
    """Put a redacted traceback in the place of an exception that holds secrets.

    A formatter shows ``exc_text`` where it finds one; the exception itself goes, because it would be shown by
    others. https://docs.python.org/3/library/logging.html#logging.Formatter.format
    """
    text = record.exc_text
    info = record.exc_info
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[1] is not None:
        full = rendered(info[1])
        safe = redactor.exception_text(full)
        if safe is not full:
            changes["exc_info"] = None
            changes["exc_text"] = safe.rstrip("\n")
            return
    if isinstance(text, str) and (new := redactor.exception_text(text)) is not text:
        changes["exc_text"] = new


def rendered(error: BaseException) -> str:
    """Return the traceback of `error` with causes and notes."""
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - an exception whose text fails
        return "[UNREADABLE]"


class RedactionFilter(logging.Filter):
    """Keeps secrets of code that is not migrated yet out of the handler it is put on.

    From Python 3.12 on, the handler gets a redacted copy of the record. Before, a filter cannot hand on another
    record, so the record itself changes and handlers that come later see it redacted too.

    >>> handler = logging.StreamHandler()
    >>> handler.addFilter(RedactionFilter())
    """

    def __init__(self, policy: Policy | None = None) -> None:
        super().__init__()
        from universal_framework.observability.redaction import _redactor

        self._redactor = _redactor.compiled(_redactor.DEFAULT if policy is None else policy)

    def filter(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]  # as from 3.12
        """Let every record pass, without its secrets."""
        try:
            clean = self._redactor.record(record)
        except Exception:  # noqa: BLE001 - a record that cannot be read is withheld, never let through
            clean = logging.LogRecord(
                record.name, record.levelno, record.pathname, record.lineno, "[UNREADABLE]", (), None
            )
        if sys.version_info >= (3, 12):
            return clean
        if clean is not record:
            vars(record).clear()
            vars(record).update(vars(clean))
        return True
