"""What the storages have in common: how long sessions live, how large they are, and how a state becomes bytes and back.

In: states, and bytes that anybody may have written. Out: bytes that are known to be readable, and valid states. No I/O,
no clock. JSON only; what JSON has no word for (NaN, infinity) is null. Never: content of a state in an error.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from universal_framework.config.models import SecurityConfig
from universal_framework.contracts.state import SESSION_ID_CHARS, UniversalWorkflowState
from universal_framework.errors import InvalidInputError, SessionStoreError, SessionTooLargeError, StateAccessError

#: Bytes of a stored session that are read whatever the limit for writing is now.
_READ_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long and how large sessions may become.

    Args:
        idle_seconds: How long a session lives after its last use.
        age_seconds: How long it lives however busy it is.
        max_bytes: Size of the largest session, as UTF-8 JSON.
        listed_per_owner: How many of an owner's sessions, the latest used, are listed; others live unlisted.
    """

    idle_seconds: float = 24 * 3600.0
    age_seconds: float = 168 * 3600.0
    max_bytes: int = 256 * 1024
    listed_per_owner: int = 10_000

    def __post_init__(self) -> None:
        for name in ("idle_seconds", "age_seconds", "max_bytes", "listed_per_owner"):
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0:
                raise ValueError(f"{name} must be a number above 0, not {value!r}")
        if self.idle_seconds > self.age_seconds:
            raise ValueError("idle_seconds must not exceed age_seconds")

    @classmethod
    def of(cls, security: SecurityConfig, *, max_bytes: int = 256 * 1024) -> SessionLimits:
        """Return the limits that the section `[security]` sets."""
        return cls(security.session_timeout_hours * 3600, security.max_session_age_hours * 3600, max_bytes)

    @property
    def idle_ms(self) -> int:
        """Milliseconds without use, at least one."""
        return max(1, round(self.idle_seconds * 1000))

    @property
    def age_ms(self) -> int:
        """Milliseconds of the longest life, at least one."""
        return max(1, round(self.age_seconds * 1000))

    @property
    def read_bytes(self) -> int:
        """Bytes of the largest stored value that is looked at."""
        return max(self.max_bytes, _READ_BYTES)


def encoded(state: UniversalWorkflowState, version: int, limits: SessionLimits) -> tuple[bytes, UniversalWorkflowState]:
    """Return `state` as version `version`: what is stored, and the state that will be read from it.

    Raises:
        SessionTooLargeError: It takes more bytes than allowed.
        StateAccessError: It cannot be written as JSON and read back: a value of another type, nested too deeply,
            half a character.
    """
    try:
        body = state.model_copy(update={"version": version}).model_dump_json(warnings=False).encode()
    except (ValueError, TypeError, RecursionError) as problem:
        raise StateAccessError(f"the state cannot be written as JSON ({type(problem).__name__})") from None
    if len(body) > limits.max_bytes:
        raise SessionTooLargeError(f"the session takes {len(body)} bytes, {limits.max_bytes} are allowed")
    try:
        return body, UniversalWorkflowState.model_validate_json(body)
    except ValidationError as problem:
        raise StateAccessError(f"the state could not be read back: {_places(problem)}") from None


def decoded(body: bytes, version: int, session_id: str) -> UniversalWorkflowState:
    """Return the state that is stored in `body`.

    Raises:
        SessionStoreError: It is none, one of a later form, or that of another session.
    """
    try:
        state = UniversalWorkflowState.model_validate_json(body)
    except ValidationError as problem:
        raise SessionStoreError(
            f"the stored session cannot be read: {_places(problem)}; a later version of the service may have written it"
        ) from None
    if state.session_id != session_id:
        raise SessionStoreError("the stored session is not the one that was asked for")
    return state.model_copy(update={"version": version})


def usable_id(session_id: str) -> bool:
    """Return whether a session may have this id; there is none with any other."""
    return 0 < len(session_id) <= SESSION_ID_CHARS and _encodes(session_id)


def tag_of(owner: str) -> str:
    """Return what stands for an owner in keys: 128 bits of SHA-256 as hexadecimal digits.

    Raises:
        InvalidInputError: The owner has no name.
    """
    if not owner:
        raise InvalidInputError("a session needs an owner")
    return hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _places(problem: ValidationError) -> str:
    """Return which fields are wrong, and how, without what they hold."""
    found = problem.errors(include_input=False, include_context=False, include_url=False)
    places = sorted(
        {f"{'.'.join(str(part) for part in one['loc'][:2])[:80] or 'all'} ({one['type']})" for one in found}
    )
    return ", ".join(places[:5])
