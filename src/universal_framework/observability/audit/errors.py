"""What can go wrong with a trail, in the words of whoever has to act on it."""

from __future__ import annotations


class AuditError(Exception):
    """Something about an audit trail: what happened, where, what to do. Never quotes a record or a key."""


class MalformedError(AuditError):
    """Bytes of a trail are not in the form that their writer gives them: altered, or not ours."""

    def __init__(self, what: str, offset: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.offset = offset


class UnreadableError(AuditError):
    """A trail, or a file that was named to judge it by, could not be read at all."""


class RefusedError(AuditError):
    """What was asked for is not in this trail: a record that is not there, a proof of what never was."""


def words(error: Exception) -> str:
    """Say in one line what the system, or the trail, refused, and where."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return str(error)
