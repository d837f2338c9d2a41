"""Errors of the service, each with the code and the HTTP status under which it leaves it."""

from __future__ import annotations


class UniversalFrameworkError(Exception):
    """Base of all errors that the service raises on purpose.

    ``str(error)`` is for developers; ``public_detail`` is for clients and never holds
    addresses, paths or user text.
    """

    code = "internal_error"
    status = 500
    public_detail = "The request could not be completed."


class InvalidInputError(UniversalFrameworkError):
    """A request that is well formed but not acceptable."""

    code = "invalid_input"
    status = 422
    public_detail = "The message cannot be processed."


class SafeModeViolationError(UniversalFrameworkError):
    """Content or an operation that safe mode does not allow."""

    code = "safe_mode_violation"
    status = 403
    public_detail = "The request is not allowed in safe mode."

    def __init__(self, rule: str) -> None:
        super().__init__(f"blocked by safe mode rule {rule!r}")
        self.rule = rule


class SessionNotFoundError(UniversalFrameworkError):
    """An unknown or expired session."""

    code = "session_not_found"
    status = 404
    public_detail = "There is no such session."


class JobNotFoundError(UniversalFrameworkError):
    """An unknown background job."""

    code = "job_not_found"
    status = 404
    public_detail = "There is no such job."


class SessionConflictError(UniversalFrameworkError):
    """A session that somebody else has changed meanwhile, or an id that is taken."""

    code = "session_conflict"
    status = 409
    public_detail = "The session was changed by another request. Please load it and try again."


class SessionTooLargeError(UniversalFrameworkError):
    """A session that takes more room than the storage allows."""

    code = "session_too_large"
    status = 413
    public_detail = "The session is too large. Please begin a new one."


class SessionStoreError(UniversalFrameworkError):
    """The session storage did not answer, or holds something unreadable."""

    code = "session_store_unavailable"
    status = 503
    public_detail = "Conversations cannot be stored at the moment. Please try again later."


class LLMError(UniversalFrameworkError):
    """The language model did not give a usable answer.

    ``str(error)`` is a code of a closed set, such as ``llm.auth``; what it means and what to do is its note. Neither
    holds words of the provider, of the prompt or of the key.

    Attributes:
        retryable: Whether the same request may succeed later.
        status_code: The HTTP status of the provider, or the one that says the same; None for an outage. Recovery
            reads it: an outage opens a circuit, a refusal does not.
        retry_after: Seconds that the provider asks to wait.
    """

    code = "llm_unavailable"
    status = 502
    public_detail = "The language model did not answer. Please try again later."

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        status_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.status_code = status_code
        self.retry_after = retry_after


class PhaseError(UniversalFrameworkError):
    """A step was asked for in a phase that does not have it."""

    code = "wrong_phase"
    status = 409
    public_detail = "This step is not available in the current phase."


class StateAccessError(UniversalFrameworkError):
    """A state value that is neither a state object nor convertible to one."""

    code = "invalid_state"


class ConfigurationError(UniversalFrameworkError):
    """A setting that is missing, malformed or contradicts another."""

    code = "configuration_error"


class WorkflowExecutionError(UniversalFrameworkError):
    """An unexpected failure inside the workflow."""

    code = "workflow_failed"
