"""The way in for structlog: a processor. structlog itself is not needed.

In: an event dict. Out: the same if it is clean, else a redacted copy. Put it last before the renderer, so that it
sees what the others add.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

from universal_framework.observability.redaction import _records
from universal_framework.observability.redaction._policy import Policy
from universal_framework.observability.redaction._redactor import DEFAULT, compiled


def redact_processor(
    logger: object,  # noqa: ARG001 - structlog's protocol
    method: str,  # noqa: ARG001
    event_dict: MutableMapping[str, Any],
    *,
    policy: Policy = DEFAULT,
) -> MutableMapping[str, Any]:
    """Return `event_dict` without secrets, an exception that is still to be rendered included.

    For a policy of your own: ``functools.partial(redact_processor, policy=...)``.
    """
    redactor = compiled(policy)
    info = event_dict.get("exc_info")
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) and len(info) == 3 else info
    if isinstance(error, BaseException):
        full = _records.rendered(error)
        safe = redactor.exception_text(full)
        if safe is not full:
            rest = {name: value for name, value in event_dict.items() if name != "exc_info"}
            return {**redactor.fields(rest), "exception": safe.rstrip("\n")}
        rest = {name: value for name, value in event_dict.items() if name != "exc_info"}
        clean = redactor.fields(rest)
        return event_dict if clean is rest else {**clean, "exc_info": event_dict["exc_info"]}
    clean = redactor.fields(event_dict)
    return event_dict if clean is event_dict else dict(clean)
