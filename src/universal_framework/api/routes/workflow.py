"""Routes of the e-mail workflow: messages, background jobs, sessions and their history.

The central function is `process_message`. It takes one message through the whole service: find the session and have it
to oneself, ask safe mode whether the message may enter, add it to the conversation, let the orchestrator answer, build
the response, store the session. What is answered with 200 is stored; what is not, is not there – but for a note that
something failed.

Of two messages to one session at once, one is answered and the other gets 409 `session_conflict`, at once where this
process is at work on the session, else when it is to be stored. Nothing of a message, and no session id, is logged.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Path, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from universal_framework.agents.requirements_collector import bounded
from universal_framework.api.dependencies import Services, get_owner, get_services
from universal_framework.api.jobs import Job, JobStatus
from universal_framework.api.middleware import ANONYMOUS
from universal_framework.api.refusals import RefusalError
from universal_framework.api.response_transformer import (
    history_view,
    session_view,
    transform_error,
    transform_state,
)
from universal_framework.compliance.safe_mode import Operation
from universal_framework.contracts.api import (
    ErrorResponse,
    ExecuteRequest,
    ExecuteResponse,
    HistoryView,
    JobView,
    SessionView,
)
from universal_framework.contracts.simulation import simulation
from universal_framework.contracts.state import (
    ErrorInfo,
    Requirements,
    Role,
    UniversalWorkflowState,
    WorkflowPhase,
    utc_now,
)
from universal_framework.errors import (
    PhaseError,
    SafeModeViolationError,
    SessionNotFoundError,
    SessionStoreError,
    UniversalFrameworkError,
    WorkflowExecutionError,
)
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("workflow_routes")

ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": ErrorResponse} for code in (400, 403, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504)
}
MAX_KEPT_ERRORS: Final = 10
SESSION_ID: Final = r"^[A-Za-z0-9_-]{6,64}$"

router = APIRouter(prefix="/api/workflow", tags=["workflow"], responses=ERRORS)

ServicesDep = Annotated[Services, Depends(get_services)]
OwnerDep = Annotated[str, Depends(get_owner)]
SessionId = Annotated[str, Path(pattern=SESSION_ID)]


class IntentRequest(BaseModel):
    """A text to classify, as if it were said in a phase."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=2000)
    phase: WorkflowPhase = WorkflowPhase.REQUIREMENTS


class IntentView(BaseModel):
    """Result of classifying a text outside any conversation."""

    intent: str
    confidence: float
    source: str


class ErrorView(BaseModel):
    """A failure that a conversation survived."""

    code: str
    detail: str
    phase: str
    occurred_at: datetime


class RequirementsForm(BaseModel):
    """Requirements from a form instead of a message; a field that is missing keeps its value."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    topic: str | None = Field(default=None, min_length=1, max_length=300)
    audience: str | None = Field(default=None, min_length=1, max_length=300)
    tone: str | None = Field(default=None, min_length=1, max_length=60)
    key_points: list[Annotated[str, Field(max_length=300)]] | None = Field(default=None, min_length=1, max_length=20)


class RequirementsView(BaseModel):
    """The requirements of a session, and which are still missing."""

    topic: str | None
    audience: str | None
    tone: str | None
    key_points: list[str]
    missing: list[str]


class PhaseView(BaseModel):
    """One phase of the workflow."""

    phase: str
    position: int


# -- one message through the service ----------------------------------------------------------------------------------


async def load_session(services: Services, session_id: str, owner: str) -> UniversalWorkflowState:
    """Return a stored session.

    Raises:
        SessionNotFoundError: `owner` has none under this id.
        SessionStoreError: The storage does not answer.
    """
    state = await services.store.load(session_id, owner=owner)
    if state is None:
        logger.log_session_event(session_id, "session_unknown")
        raise SessionNotFoundError("no such session")
    return state


async def process_message(services: Services, message: str, session_id: str | None, owner: str) -> ExecuteResponse:
    """Take one message through the service and return the response to it.

    Raises:
        UniversalFrameworkError: The message cannot be answered; the kind says why.
    """
    if session_id is None:
        return await _conversed(services, message, UniversalWorkflowState.new(), owner)
    with services.taken(session_id, owner):
        state = await load_session(services, session_id, owner)
        try:
            return await _conversed(services, message, state, owner)
        except UniversalFrameworkError as error:
            await _remember_failure(services, state, error, owner)
            raise


async def _conversed(services: Services, message: str, state: UniversalWorkflowState, owner: str) -> ExecuteResponse:
    """Return the response to a message in a conversation, which is stored then."""
    started = time.perf_counter()
    outcome = "failed"
    is_new = state.version == 0
    before = state.phase
    services.monitor.record_workflow_start(state.session_id, owner)
    try:
        services.guard.check_message(message, state.session_id)
        asked = services.history.add_user_message(state, message)
        state, reply = await _answered(services, asked.model_copy(update={"turn": asked.turn + 1}))
        state = services.history.add_assistant_message(state, reply)
        response = transform_state(state, reply, simulated=services.safe_mode)
        store = services.store.create if is_new else services.store.save
        await store(state, owner=owner)
        outcome = "success"
    except UniversalFrameworkError:
        raise
    except asyncio.CancelledError:
        outcome = "abandoned"
        raise
    except Exception as error:
        logger.exception("workflow_crashed", error_type=type(error).__name__, phase=before.value)
        raise WorkflowExecutionError(f"unexpected {type(error).__name__}") from error
    finally:
        services.monitor.record_workflow_completion(state.session_id, time.perf_counter() - started, outcome)  # type: ignore[arg-type]
    _tell(state, before, is_new=is_new, degraded=response.degraded)
    return response


async def _answered(services: Services, state: UniversalWorkflowState) -> tuple[UniversalWorkflowState, str]:
    """Return the state and the reply of the orchestrator; in safe mode no language model is called."""
    with services.recovery.deadline(services.limits.agent_seconds):
        if not services.safe_mode:
            outcome = await services.orchestrator.run(state)
        else:
            with simulation():
                outcome = await services.orchestrator.run(state)
    return outcome.state, outcome.reply


def _tell(state: UniversalWorkflowState, before: WorkflowPhase, *, is_new: bool, degraded: list[str]) -> None:
    """Report what was acknowledged: to the audit trail the beginning and the e-mail, to the log every step."""
    if is_new:
        logger.audit("session_created", session_id=state.session_id)
    if state.phase is WorkflowPhase.EMAIL and before is not WorkflowPhase.EMAIL:
        logger.audit("email_completed", session_id=state.session_id, turns=state.turn, degraded=degraded)
    logger.log_session_event(
        state.session_id, "workflow_advanced", phase=state.phase.value, turn=state.turn, degraded=degraded
    )


async def _remember_failure(
    services: Services, state: UniversalWorkflowState, error: UniversalFrameworkError, owner: str
) -> None:
    """Add a failure of the service to the stored session; what fails then must not hide the first error."""
    if error.status < 500 or error.code == SessionStoreError.code:
        return
    info = ErrorInfo(code=error.code, detail=error.public_detail, phase=state.phase)
    failed = state.model_copy(update={"errors": [*state.errors, info][-MAX_KEPT_ERRORS:], "updated_at": utc_now()})
    try:
        await services.store.save(failed, owner=owner)
    except UniversalFrameworkError as second:
        logger.warning("failure_not_remembered", code=error.code, because=second.code)


def requirements_view(requirements: Requirements) -> RequirementsView:
    """Return requirements as a client sees them."""
    return RequirementsView(
        topic=requirements.topic,
        audience=requirements.audience,
        tone=requirements.tone,
        key_points=list(requirements.key_points),
        missing=requirements.missing(),
    )


# -- routes -----------------------------------------------------------------------------------------------------------


@router.post("/execute")
async def execute_workflow(
    services: ServicesDep, owner: OwnerDep, body: Annotated[ExecuteRequest, Body()]
) -> ExecuteResponse:
    """Answer one message of a new or a running conversation."""
    return await process_message(services, body.message, body.session_id, owner)


async def run_job(services: Services, job: Job, body: ExecuteRequest) -> None:
    """Execute a message in the background and keep its result; raises nothing but its cancellation."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(services.limits.request_seconds):
            job.response = await process_message(services, body.message, body.session_id, job.owner)
        job.status = JobStatus.SUCCEEDED
    except TimeoutError:
        job.error = transform_error(RefusalError(504, "request_timeout", "The request took too long.")).error
    except Exception as error:  # noqa: BLE001 - told by transform_error, and kept for the client
        job.error = transform_error(error).error
    finally:
        if job.status is not JobStatus.SUCCEEDED:
            job.status = JobStatus.FAILED
        duration = round((time.perf_counter() - started) * 1000, 2)
        logger.info("workflow_job_finished", status=job.status.value, duration_ms=duration)


@router.post("/execute-async", status_code=status.HTTP_202_ACCEPTED)
async def execute_workflow_async(
    services: ServicesDep, owner: OwnerDep, body: Annotated[ExecuteRequest, Body()], response: Response
) -> JobView:
    """Accept one message; the answer is fetched from the job later."""
    job = services.jobs.start(owner, lambda own: run_job(services, own, body))
    response.headers["location"] = f"{router.prefix}/jobs/{job.job_id}"
    return job.view()


@router.get("/jobs/{job_id}")
async def get_job(services: ServicesDep, owner: OwnerDep, job_id: Annotated[str, Path(max_length=64)]) -> JobView:
    """Return the state of a background job, with its result once it has one."""
    return services.jobs.get(job_id, owner).view()


@router.get("/phases")
async def list_phases() -> list[PhaseView]:
    """Return the phases in their order."""
    return [PhaseView(phase=phase.value, position=position) for position, phase in enumerate(WorkflowPhase, start=1)]


@router.post("/intent")
async def classify_text(services: ServicesDep, body: Annotated[IntentRequest, Body()]) -> IntentView:
    """Classify a text as if it were said in a phase; nothing is stored."""
    state = UniversalWorkflowState.new().model_copy(update={"phase": body.phase})
    result = await services.chain.analyse(body.text, state)
    return IntentView(intent=result.intent.value, confidence=result.confidence, source=result.source)


@router.get("/sessions")
async def list_sessions(
    services: ServicesDep, owner: OwnerDep, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[str]:
    """Return the ids of the caller's sessions, the latest used first; a session's id is all an anonymous one has."""
    if owner == ANONYMOUS:
        raise RefusalError(403, "owner_required", "Only a known caller can list sessions.")
    return await services.store.list_ids(owner=owner, limit=limit)


@router.get("/sessions/{session_id}")
async def get_session(services: ServicesDep, owner: OwnerDep, session_id: SessionId) -> SessionView:
    """Return the summary of a session."""
    return session_view(await load_session(services, session_id, owner))


@router.delete("/sessions/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_session(services: ServicesDep, owner: OwnerDep, session_id: SessionId) -> None:
    """Forget a session and everything that was said in it."""
    if not await services.store.delete(session_id, owner=owner):
        raise SessionNotFoundError("no such session")
    logger.audit("session_deleted", session_id=session_id)


@router.get("/sessions/{session_id}/history")
async def get_history(
    services: ServicesDep,
    owner: OwnerDep,
    session_id: SessionId,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    role: Role | None = None,
) -> HistoryView:
    """Return the last messages of a session, of one author or of both."""
    return history_view(await load_session(services, session_id, owner), limit=limit, role=role)


@router.get("/sessions/{session_id}/export")
async def export_history(
    services: ServicesDep, owner: OwnerDep, session_id: SessionId, *, with_content: bool = False
) -> list[dict[str, str]]:
    """Return all messages of a session for an export, by default without what was said."""
    services.guard.require(Operation.HISTORY_EXPORT)
    state = await load_session(services, session_id, owner)
    logger.audit("session_exported", session_id=session_id, with_content=with_content)
    return services.history.export(state, with_content=with_content)


@router.get("/sessions/{session_id}/errors")
async def get_errors(services: ServicesDep, owner: OwnerDep, session_id: SessionId) -> list[ErrorView]:
    """Return the failures that a session has survived, oldest first."""
    state = await load_session(services, session_id, owner)
    return [
        ErrorView(code=error.code, detail=error.detail, phase=error.phase.value, occurred_at=error.occurred_at)
        for error in state.errors
    ]


@router.get("/sessions/{session_id}/requirements")
async def get_requirements(services: ServicesDep, owner: OwnerDep, session_id: SessionId) -> RequirementsView:
    """Return what is known about the e-mail of a session."""
    return requirements_view((await load_session(services, session_id, owner)).requirements)


@router.put("/sessions/{session_id}/requirements")
async def put_requirements(
    services: ServicesDep, owner: OwnerDep, session_id: SessionId, form: Annotated[RequirementsForm, Body()]
) -> RequirementsView:
    """Set requirements from a form, while they are still being collected.

    The next message continues from them; the form itself does not advance the workflow.
    """
    with services.taken(session_id, owner):
        state = await load_session(services, session_id, owner)
        if state.phase is not WorkflowPhase.REQUIREMENTS:
            raise PhaseError(f"requirements are settled in phase {state.phase.value}")
        given = form.model_dump(exclude_none=True)
        try:
            for text in (form.topic, form.audience, form.tone, *(form.key_points or [])):
                if text:
                    services.guard.check_message(text, state.session_id)
        except SafeModeViolationError as error:
            logger.warning("requirements_form_blocked", rule=error.rule, fields=sorted(given))
            raise
        if "key_points" in given:
            given["key_points"] = tuple(given["key_points"])
        requirements = bounded(state.requirements, given)
        changed = state.model_copy(update={"requirements": requirements, "updated_at": utc_now()})
        await services.store.save(changed, owner=owner)
    logger.log_session_event(session_id, "requirements_form_saved", missing=len(requirements.missing()))
    return requirements_view(requirements)
