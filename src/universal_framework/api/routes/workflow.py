"""Routes of the e-mail workflow: messages, background jobs, sessions and their history.

The central function is :func:`process_message`. It takes one message through the whole service:

1. find or begin the session,
2. ask safe mode whether the message may enter,
3. add it to the conversation,
4. find out what the user wants,
5. let the orchestrator, or a side node, answer,
6. store the session and build the response.

Errors of the service's own kinds go through to the application's handlers, which turn them into error
bodies. Anything else becomes a ``WorkflowExecutionError``, so that no traceback ever reaches a client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Body,
    Depends,
    Path,
    Query,
    Request,
    Response,
    status,
)
from pydantic import BaseModel, ConfigDict, Field

from universal_framework.api.dependencies import Services, get_services
from universal_framework.api.jobs import Job, JobStatus
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
from universal_framework.contracts.state import (
    ErrorInfo,
    IntentResult,
    Requirements,
    Role,
    WorkflowPhase,
    UniversalWorkflowState,
    utc_now,
)
from universal_framework.errors import (
    InvalidInputError,
    PhaseError,
    SafeModeViolationError,
    SessionNotFoundError,
    SessionStoreError,
    UniversalFrameworkError,
    WorkflowExecutionError,
)
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.session_logging import shorten_session_id
from universal_framework.workflow.intent_classification_nodes import (
    Node,
    classify_intent_node,
    next_node,
    side_reply,
)

logger = UniversalFrameworkLogger("workflow_routes")

P = ParamSpec("P")
R = TypeVar("R")

ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorResponse} for code in (403, 404, 409, 422, 500, 502, 503)
}
MAX_KEPT_ERRORS = 10
SLOW_REQUEST_MS = 5000.0
SESSION_ID = r"^[A-Za-z0-9_-]{6,64}$"

router = APIRouter(prefix="/api/workflow", tags=["workflow"], responses=ERRORS)

ServicesDep = Annotated[Services, Depends(get_services)]
SessionId = Annotated[str, Path(pattern=SESSION_ID)]


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
    key_points: list[str] | None = Field(default=None, min_length=1, max_length=20)


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


def elapsed_ms(started: float) -> float:
    """Return the milliseconds since ``started``, a value of ``time.perf_counter``."""
    return round((time.perf_counter() - started) * 1000, 2)


def measured(step: str) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Report the duration of a step, whether it succeeds or not."""

    def decorate(func: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @wraps(func)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            started = time.perf_counter()
            try:
                return await func(*args, **kwargs)
            finally:
                logger.debug("step_finished", step=step, duration_ms=elapsed_ms(started), channel="session_debug")

        return wrapper

    return decorate


async def load_session(services: Services, session_id: str) -> UniversalWorkflowState:
    """Return a stored session.

    Raises:
        SessionNotFoundError: there is none under this id.
        SessionStoreError: the storage does not answer.
    """
    state = await services.store.load(session_id)
    if state is None:
        logger.info("session_unknown", session_id=shorten_session_id(session_id))
        raise SessionNotFoundError(f"no session {session_id!r}")
    return state


@measured("save_session")
async def save_session(services: Services, state: UniversalWorkflowState, *, reason: str) -> None:
    """Store a session.

    Raises:
        SessionStoreError: the storage does not answer.
    """
    log = logger.bind(session_id=shorten_session_id(state.session_id), reason=reason, channel="session_debug")
    log.debug("session_saving", phase=state.phase.value, messages=len(state.messages))
    try:
        await services.store.save(state)
    except SessionStoreError:
        log.error("session_save_failed", turn=state.turn, exc_info=True)
        raise
    log.debug(f"Session saved after turn {state.turn}", complete=state.complete)


async def remember_failure(services: Services, state: UniversalWorkflowState, error: UniversalFrameworkError) -> None:
    """Add an error to the stored session; a storage that fails too must not hide the first error."""
    info = ErrorInfo(code=error.code, detail=error.public_detail, phase=state.phase)
    failed = state.model_copy(update={"errors": [*state.errors, info][-MAX_KEPT_ERRORS:], "updated_at": utc_now()})
    try:
        await save_session(services, failed, reason="failure")
    except SessionStoreError:
        logger.warning("failure_not_remembered", code=error.code, exc_info=True, channel="session_debug")


def record_message(services: Services, state: UniversalWorkflowState, role: Role, text: str) -> UniversalWorkflowState:
    """Return the state with one more message.

    Raises:
        InvalidInputError: a user's text is empty or too long.
    """

    try:
        match role:
            case Role.USER:
                state = services.history.add_user_message(state, text)
            case Role.ASSISTANT:
                state = services.history.add_assistant_message(state, text)
    except InvalidInputError as exc:
        logger.warning("message_rejected", chars=len(text), exc_info=exc, channel="conversation_debug")
        raise
    logger.info(
        "message_recorded",
        role=role.value,
        chars=len(text),
        messages=len(state.messages),
        channel="conversation_debug",
    )
    logger.debug("message_preview", preview=text[:60], channel="conversation_debug")
    return state


def describe_intent(target: Any, state: UniversalWorkflowState, result: IntentResult | None) -> None:
    """Write what was understood, on the logger of the caller."""
    if result is None:
        target.warning("intent_not_available", phase=state.phase.value)
        return
    target.info(
        "intent_understood",
        intent=result.intent.value,
        source=result.source,
        phase=state.phase.value,
    )
    if result.confidence < 0.5:
        target.warning(f"Low confidence {result.confidence:.2f} for {result.intent.value}")


@measured("analyse_intent")
async def analyse_intent(services: Services, state: UniversalWorkflowState) -> tuple[UniversalWorkflowState, Node]:
    """Return the state with the intent of its last message, and the node that answers it.

    Raises:
        InvalidInputError: the message has no text.
    """
    try:
        logger.debug("intent_analysis_started", phase=state.phase.value, turn=state.turn, channel="intent_debug")
        state = await classify_intent_node(state, services.chain)
    except UniversalFrameworkError as exc:
        logger.error("intent_analysis_aborted", code=exc.code, exc_info=True, channel="intent_debug")
        raise
    describe_intent(logger.bind(channel="intent_debug"), state, state.last_intent)
    return state, next_node(state)


async def answer(services: Services, state: UniversalWorkflowState, node: Node) -> tuple[UniversalWorkflowState, str]:
    """Return the state and the reply of the node that answers."""
    if node is not Node.WORKFLOW:
        state, reply = side_reply(state, node)
        logger.info("side_node_answered", node=node.value, phase=state.phase.value, channel="workflow")
        return state, reply
    outcome = await services.orchestrator.run(state)
    return outcome.state, outcome.reply


def requirements_view(requirements: Requirements) -> RequirementsView:
    """Return requirements as a client sees them."""
    return RequirementsView(
        topic=requirements.topic,
        audience=requirements.audience,
        tone=requirements.tone,
        key_points=list(requirements.key_points),
        missing=requirements.missing(),
    )


def build_response(state: UniversalWorkflowState, reply: str) -> ExecuteResponse:
    """Return the response to a message.

    Raises:
        WorkflowExecutionError: the state cannot be shown.
    """
    try:
        response = transform_state(state, reply)
    except (UniversalFrameworkError, ValueError) as exc:
        logger.warning(
            "response_not_built", phase=state.phase.value, turn=state.turn, exc_info=True, channel="response_debug"
        )
        raise WorkflowExecutionError("the response could not be built") from exc
    if response.warnings:
        logger.warning(
            "response_with_warnings", warnings=response.warnings, phase=response.phase, channel="response_debug"
        )
    logger.info(
        "response_built",
        phase=response.phase,
        reply_chars=len(response.reply),
        parts=sorted(part for part in ("strategy", "email") if getattr(response, part) is not None),
        channel="response_debug",
    )
    return response


def report_completion(state: UniversalWorkflowState, node: Node, started: float) -> None:
    """Write that a message was answered, and when the answer was an e-mail."""

    duration = elapsed_ms(started)
    if (email := state.email) is not None and node is Node.WORKFLOW:
        logger.info(
            "workflow_completed",
            turns=state.turn,
            words=email.word_count,
            revision=state.strategy.revision if state.strategy else 0,
            duration_ms=duration,
            channel="workflow_completion",
        )
    else:
        logger.info("workflow_advanced", phase=state.phase.value, turn=state.turn, channel="workflow_completion")
    if duration > SLOW_REQUEST_MS:
        logger.warning(f"Slow request: {duration:.0f} ms", phase=state.phase.value, channel="workflow_completion")


async def process_message(services: Services, message: str, session_id: str | None) -> ExecuteResponse:
    """Take one message through the service and return the response to it.

    Raises:
        UniversalFrameworkError: the message cannot be answered; the kind says why.
    """
    started = time.perf_counter()
    steps: list[str] = []

    def done(step: str) -> None:
        steps.append(step)
        logger.debug("workflow_step_done", step=step, position=len(steps), channel="workflow")

    logger.info("workflow_request_received", chars=len(message), resumed=session_id is not None, channel="workflow")

    if session_id is None:
        state = UniversalWorkflowState.new()
        logger.info("session_created", session_id=shorten_session_id(state.session_id), channel="session_debug")
    else:
        try:
            state = await load_session(services, session_id)
        except SessionStoreError as exc:
            logger.error(
                "session_load_failed", session_id=shorten_session_id(session_id), exc_info=exc, channel="session_debug"
            )
            raise
        logger.info(
            "session_resumed",
            session_id=shorten_session_id(session_id),
            phase=state.phase.value,
            turn=state.turn,
            channel="workflow",
        )
    done("session")

    try:
        services.guard.check_message(message, state.session_id)
    except SafeModeViolationError as exc:
        logger.warning("workflow_message_blocked", rule=exc.rule, phase=state.phase.value, channel="workflow")
        raise
    done("safe_mode")

    state = record_message(services, state, Role.USER, message)
    state = state.model_copy(update={"turn": state.turn + 1})
    done("conversation")

    try:
        state, node = await analyse_intent(services, state)
        done("intent")
        state, reply = await answer(services, state, node)
        done("answer")
    except UniversalFrameworkError as exc:
        logger.error(
            "workflow_failed",
            code=exc.code,
            phase=state.phase.value,
            steps=steps,
            exc_info=exc,
            channel="workflow",
        )
        await remember_failure(services, state, exc)
        raise
    except Exception as exc:
        logger.exception("workflow_crashed", error_type=type(exc).__name__, steps=steps, channel="workflow")
        error = WorkflowExecutionError(f"unexpected {type(exc).__name__}")
        await remember_failure(services, state, error)
        raise error from exc

    state = record_message(services, state, Role.ASSISTANT, reply)
    await save_session(services, state, reason="answered")
    done("stored")

    response = build_response(state, reply)
    report_completion(state, node, started)
    return response


@router.post("/execute")
async def execute_workflow(services: ServicesDep, body: Annotated[ExecuteRequest, Body()]) -> ExecuteResponse:
    """Answer one message of a new or a running conversation."""
    response = await process_message(services, body.message, body.session_id)
    logger.debug("workflow_response_sent", phase=response.phase, complete=response.complete)
    return response


async def run_job(services: Services, job: Job, body: ExecuteRequest) -> None:
    """Execute a message in the background and keep its result; never raises."""
    log = logger.bind(job_id=job.job_id, channel="workflow_async")
    job.status = JobStatus.RUNNING
    started = time.perf_counter()
    log.info("workflow_job_started", resumed=body.session_id is not None)
    try:
        job.response = await process_message(services, body.message, body.session_id)
        job.status = JobStatus.SUCCEEDED
    except asyncio.CancelledError:
        job.status = JobStatus.FAILED
        log.warning("workflow_job_cancelled", duration_ms=elapsed_ms(started))
        raise
    except UniversalFrameworkError as exc:
        job.status = JobStatus.FAILED
        job.error = transform_error(exc).error
        log.error("workflow_job_failed", code=exc.code, exc_info=True)
    except Exception as exc:
        job.status = JobStatus.FAILED
        job.error = transform_error(exc).error
        log.exception("workflow_job_crashed", error_type=type(exc).__name__)
    finally:
        log.info("workflow_job_finished", status=job.status.value, duration_ms=elapsed_ms(started))


@router.post("/execute-async", status_code=status.HTTP_202_ACCEPTED)
async def execute_workflow_async(
    services: ServicesDep,
    body: Annotated[ExecuteRequest, Body()],
    tasks: BackgroundTasks,
    request: Request,
    response: Response,
) -> JobView:
    """Accept one message; the answer is fetched from the job later."""
    job = services.jobs.create()
    tasks.add_task(run_job, services, job, body)
    response.headers["location"] = str(request.url_for("get_job", job_id=job.job_id))
    logger.info("workflow_job_accepted", job_id=job.job_id, channel="workflow_async")
    return job.view()


@router.get("/jobs/{job_id}", name="get_job")
async def get_job(services: ServicesDep, job_id: str) -> JobView:
    """Return the state of a background job, with its result once it has one."""
    return services.jobs.get(job_id).view()


@router.get("/phases")
async def list_phases() -> list[PhaseView]:
    """Return the phases in their order."""
    return [PhaseView(phase=phase.value, position=position) for position, phase in enumerate(WorkflowPhase, start=1)]


@router.post("/intent")
async def classify_text(
    services: ServicesDep,
    text: Annotated[str, Body(embed=True, max_length=2000)],
    phase: Annotated[WorkflowPhase, Body(embed=True)] = WorkflowPhase.REQUIREMENTS,
) -> IntentView:
    """Classify a text as if it were said in a phase; nothing is stored."""
    state = UniversalWorkflowState.new().model_copy(update={"phase": phase})
    result = await services.chain.analyse(text, state)
    logger.info("intent_probed", intent=result.intent.value, phase=phase.value)
    return IntentView(intent=result.intent.value, confidence=result.confidence, source=result.source)


@router.get("/sessions")
async def list_sessions(services: ServicesDep, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[str]:
    """Return the ids of the stored sessions."""
    ids = await services.store.list_ids(limit)
    logger.info("sessions_listed", count=len(ids), limit=limit)
    return ids


@router.get("/sessions/{session_id}")
async def get_session(services: ServicesDep, session_id: SessionId) -> SessionView:
    """Return the summary of a session."""
    return session_view(await load_session(services, session_id))


@router.delete("/sessions/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_session(services: ServicesDep, session_id: SessionId) -> None:
    """Forget a session and everything that was said in it."""
    if not await services.store.delete(session_id):
        logger.warning("session_delete_missed", session_id=shorten_session_id(session_id))
        raise SessionNotFoundError(f"no session {session_id!r}")
    logger.info("session_forgotten", session_id=shorten_session_id(session_id))


@router.get("/sessions/{session_id}/history")
async def get_history(
    services: ServicesDep,
    session_id: SessionId,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    role: Role | None = None,
) -> HistoryView:
    """Return the last messages of a session, of one author or of both."""
    state = await load_session(services, session_id)
    view = history_view(state, limit=limit, role=role)
    if not view.entries:
        logger.info("history_empty", session_id=shorten_session_id(session_id))
    else:
        logger.debug("history_read", entries=len(view.entries), total=view.total, channel="conversation_debug")
        logger.debug("history_summary", summary=services.history.summarise(state), channel="conversation_debug")
    return view


@router.get("/sessions/{session_id}/export")
async def export_history(
    services: ServicesDep, session_id: SessionId, with_content: bool = False
) -> list[dict[str, str]]:
    """Return all messages of a session for an export, by default without what was said."""
    services.guard.require(Operation.HISTORY_EXPORT)
    state = await load_session(services, session_id)
    return services.history.export(state, with_content=with_content)


@router.get("/sessions/{session_id}/errors")
async def get_errors(services: ServicesDep, session_id: SessionId) -> list[ErrorView]:
    """Return the failures that a session has survived, oldest first."""
    state = await load_session(services, session_id)
    return [
        ErrorView(
            code=error.code,
            detail=error.detail,
            phase=error.phase.value,
            occurred_at=error.occurred_at,
        )
        for error in state.errors
    ]


@router.get("/sessions/{session_id}/requirements")
async def get_requirements(services: ServicesDep, session_id: SessionId) -> RequirementsView:
    """Return what is known about the e-mail of a session."""
    return requirements_view((await load_session(services, session_id)).requirements)


@router.put("/sessions/{session_id}/requirements")
async def put_requirements(
    services: ServicesDep, session_id: SessionId, form: Annotated[RequirementsForm, Body()]
) -> RequirementsView:
    """Set requirements from a form, while they are still being collected.

    The next message continues from them; the form itself does not advance the workflow.
    """
    state = await load_session(services, session_id)
    if state.phase is not WorkflowPhase.REQUIREMENTS:
        logger.warning("requirements_form_refused", phase=state.phase.value, turn=state.turn)
        raise PhaseError(f"requirements are settled in phase {state.phase.value}")

    given = form.model_dump(exclude_none=True)
    try:
        for text in (form.topic, form.audience, *(form.key_points or [])):
            if text:
                services.guard.check_message(text, state.session_id)
    except SafeModeViolationError as exc:
        logger.warning("requirements_form_blocked", rule=exc.rule, fields=sorted(given))
        raise

    if points := given.get("key_points"):
        given["key_points"] = tuple(point for point in points if point.strip())
    requirements = state.requirements.model_copy(update=given)
    await save_session(
        services,
        state.model_copy(update={"requirements": requirements, "updated_at": utc_now()}),
        reason="form",
    )
    logger.info("requirements_form_saved", fields=sorted(given), missing=len(requirements.missing()))
    return requirements_view(requirements)
