"""What every event passes on its way out: redaction, sampling, the audit trail, the account of its own cost.

In: the settings of `configure_logging`, or none. Out: one immutable-by-convention `Pipeline` that the house logger
and the house's handler read once for each event. A change of settings is a new pipeline in the place of the old.

The patterns of redaction take longer to compile than this package to import, so they are made for the first event.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from universal_framework.observability import _losses, _unredacted
from universal_framework.observability._cost import Cost

#: Key of the hashes of session ids where the configuration names none: they differ from process to process.
_PROCESS_KEY = os.urandom(32)

#: Audit records are taken from no level up unless the configuration says so.
NEVER = 1 << 30

#: Field names seen, as tuples; the bound keeps a program that invents names from filling the memory.
_SHAPES = 4096


class Redactor(Protocol):
    """What `universal_framework.observability.redaction.Redactor` offers."""

    @property
    def knows_id(self) -> Callable[[str], object]:
        """What is true for ids that look like nothing else."""

    def may_hold(self, rendered: bytes) -> bool:
        """Say whether a rendered line may hold a secret; False is certain."""

    def text(self, text: str) -> str:
        """Return `text` without secrets; itself if there are none."""

    def value(self, value: object) -> Any:
        """Return `value` without secrets; itself if there are none."""

    def fields(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return `fields` without secrets; themselves if there are none."""

    def sensitive_key(self, key: str) -> bool:
        """Say whether a field of that name is hidden whatever it holds."""

    def clean_names(self, names: tuple[str, ...]) -> bool:
        """Say whether no field of these names is looked at for its name."""

    def exception_text(self, text: str) -> str:
        """Return a rendered traceback without secrets."""


class Audit(Protocol):
    """What `universal_framework.observability.audit.AuditLog` offers."""

    def append(self, line: bytes) -> None:
        """Take one line."""


class Pipeline:
    """What is done to each event."""

    __slots__ = (
        "_redactor",
        "audit",
        "audit_from",
        "caller",
        "clean",
        "cost",
        "hash_sessions",
        "is_simple",
        "policy",
        "sample",
        "session_key",
        "shapes",
    )

    def __init__(
        self,
        *,
        policy: object = None,
        audit: Audit | None = None,
        audit_from: int = NEVER,
        sample: Callable[[int, str], bool] | None = None,
        budget_ns: int = 0,
        caller: bool = False,
        session_key: bytes | None = None,
        hash_sessions: bool = False,
    ) -> None:
        self.policy = policy
        self.audit = audit
        self.audit_from = audit_from if audit is not None else NEVER
        self.sample = sample
        self.cost = Cost(budget_ns)
        self.caller = caller
        self.is_simple = audit is None and sample is None  # nothing to ask of an event but its level
        self.session_key = session_key or _PROCESS_KEY
        self.hash_sessions = hash_sessions
        self.clean: set[str] = set()  # texts that hold no secret; never one that does
        self.shapes: dict[tuple[str, ...], int] = {}
        self._redactor: Redactor | None = None

    @property
    def redactor(self) -> Redactor:
        """What redacts; compiled when it is first asked for."""
        made = self._redactor
        if made is None:
            made = self._redactor = _compiled(self.policy)
        return made

    # Whatever a redactor raises, the secret must not get through: the value is left out instead.

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        try:
            return self.redactor.text(text)
        except Exception:  # noqa: BLE001
            return _withheld("text")

    def trace(self, text: str) -> str:
        """Return a rendered traceback or stack without secrets."""
        try:
            return self.redactor.exception_text(text)
        except Exception:  # noqa: BLE001
            return _withheld("traceback")

    def value(self, value: object) -> Any:
        """Return `value` without secrets."""
        try:
            return self.redactor.value(value)
        except Exception:  # noqa: BLE001
            return _withheld(type(value).__name__)

    def fields(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return `fields` without secrets, session ids as hashes where the configuration is ours."""
        if not fields:
            return fields
        if self.hash_sessions and "session_id" in fields:
            fields = {**fields, "session_id": self.session_hash(fields["session_id"])}
        try:
            return self.redactor.fields(fields)
        except Exception:  # noqa: BLE001
            return {key: _withheld(key) for key in fields}

    def session_hash(self, session: object) -> str:
        """Return what stands for a session id: the same for the same id and key, and no way back.

        HMAC-SHA256 (RFC 2104), 64 bits of it, as ``sid_`` and sixteen hexadecimal digits.
        """
        text = str(session)
        if len(text) == 20 and text.startswith("sid_") and not text[4:].strip("0123456789abcdef"):
            return text  # hashed already
        import hashlib
        import hmac

        digest = hmac.new(self.session_key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"sid_{digest.hexdigest()[:16]}"

    def remember(self, keys: tuple[str, ...], shape: int) -> int:
        """Keep the verdict on a tuple of field names."""
        if len(self.shapes) >= _SHAPES:
            self.shapes.clear()
        self.shapes[keys] = shape
        return shape


def _withheld(what: str) -> str:
    _losses.say("redaction", what, "a value could not be redacted and was left out")
    return f"<{what} withheld: it could not be redacted>"


_compiling = threading.Lock()
_compiled_policies: dict[object, Redactor] = {}


def _compiled(policy: object) -> Redactor:
    if policy is None and _unredacted.is_asked_for():
        return _unredacted.Unredacted()
    with _compiling:
        made = _compiled_policies.get(policy)
        if made is None:
            redaction: Any = importlib.import_module("universal_framework.observability.redaction")
            made = redaction.Redactor(redaction.DEFAULT if policy is None else policy)
            if len(_compiled_policies) < 16:
                _compiled_policies[policy] = made
        return made


_current = Pipeline()


def current() -> Pipeline:
    """Return what holds now."""
    return _current


def install(pipeline: Pipeline | None) -> Pipeline:
    """Put `pipeline`, or the default one, in the place of the current one, which is returned."""
    global _current
    before, _current = _current, pipeline if pipeline is not None else Pipeline()
    return before
