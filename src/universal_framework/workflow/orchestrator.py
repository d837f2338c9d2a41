"""The four phases of a conversation, and what leads from one to the next.

    requirements → strategy → confirmation → e-mail

One call of :meth:`WorkflowOrchestrator.run` answers one message. It may pass through more than one
phase, when a message completes one and the next can begin at once.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from universal_framework.agents.confirmation import ask_confirmation, present_strategy
from universal_framework.agents.email_generator import EmailGenerator
from universal_framework.agents.requirements_collector import collect, question_for
from universal_framework.agents.strategy_generator import StrategyGenerator
from universal_framework.compliance.safe_mode import SafeModeGuard
from universal_framework.contracts.state import (
    Intent,
    Requirements,
    WorkflowPhase,
    UniversalWorkflowState,
    utc_now,
)
from universal_framework.errors import PhaseError, UniversalFrameworkError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.state_access import last_user_text

logger = UniversalFrameworkLogger("orchestrator")

ALLOWED_TRANSITIONS: dict[WorkflowPhase, frozenset[WorkflowPhase]] = {
    WorkflowPhase.REQUIREMENTS: frozenset({WorkflowPhase.STRATEGY}),
    WorkflowPhase.STRATEGY: frozenset({WorkflowPhase.CONFIRMATION}),
    WorkflowPhase.CONFIRMATION: frozenset({WorkflowPhase.STRATEGY, WorkflowPhase.EMAIL}),
    WorkflowPhase.EMAIL: frozenset({WorkflowPhase.REQUIREMENTS}),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answer to one message: the new state, and what to say."""

    state: UniversalWorkflowState
    reply: str


Handler = Callable[[UniversalWorkflowState, str], Awaitable[Outcome]]


class WorkflowOrchestrator:
    """Runs the phase that a conversation is in."""

    def __init__(
        self,
        *,
        strategies: StrategyGenerator,
        emails: EmailGenerator,
        guard: SafeModeGuard,
    ) -> None:
        self.session_logger = logger
        self._strategies = strategies
        self._emails = emails
        self._guard = guard
        self._handlers: dict[WorkflowPhase, Handler] = {
            WorkflowPhase.REQUIREMENTS: self._requirements,
            WorkflowPhase.STRATEGY: self._strategy,
            WorkflowPhase.CONFIRMATION: self._confirmation,
            WorkflowPhase.EMAIL: self._email,
        }
        logger.debug("orchestrator_ready", phases=[phase.value for phase in self._handlers])

    async def run(self, state: UniversalWorkflowState) -> Outcome:
        """Return the answer to the last user message of ``state``.

        Raises:
            UniversalFrameworkError: a phase failed in a way that its fallback does not cover.
        """
        phase = state.phase
        text = last_user_text(state)
        self.session_logger.log_info("phase_started", phase=phase.value, turn=state.turn, messages=len(state.messages))
        started = time.perf_counter()
        try:
            outcome = await self._handlers[phase](state, text)
        except UniversalFrameworkError as exc:
            self.session_logger.log_error(
                f"Phase {phase.value} failed: {exc.code}",
                phase=phase.value,
                code=exc.code,
                exc_info=exc,
            )
            raise
        except Exception:
            logger.exception("phase_crashed", phase=phase.value, turn=state.turn)
            raise
        finally:
            elapsed_ms = (time.perf_counter() - started) * 1000
            logger.debug("phase_duration", phase=phase.value, duration_ms=round(elapsed_ms, 2))

        self.session_logger.log_info(
            "phase_finished",
            phase=phase.value,
            next_phase=outcome.state.phase.value,
            reply_chars=len(outcome.reply),
        )
        return outcome

    def _enter(self, state: UniversalWorkflowState, phase: WorkflowPhase) -> UniversalWorkflowState:
        """Return the state in another phase.

        Raises:
            PhaseError: the phase cannot follow the present one.
        """
        if phase not in ALLOWED_TRANSITIONS[state.phase]:
            logger.error("transition_forbidden", current=state.phase.value, wanted=phase.value)
            raise PhaseError(f"{phase.value} does not follow {state.phase.value}")
        self.session_logger.log_session_event(
            state.session_id,
            "phase_entered",
            previous=state.phase.value,
            phase=phase.value,
            turn=state.turn,
        )
        return state.model_copy(update={"phase": phase, "updated_at": utc_now()})

    async def _requirements(self, state: UniversalWorkflowState, text: str) -> Outcome:
        before = state.requirements
        requirements = collect(before, text)
        changed = [
            field for field in Requirements.model_fields if getattr(before, field) != getattr(requirements, field)
        ]
        logger.info("requirements_collected", changed=changed, missing=requirements.missing())
        state = state.model_copy(update={"requirements": requirements})
        if not requirements.complete:
            if not changed:
                self.session_logger.log_warning(
                    f"Message {state.turn} added nothing to the requirements",
                    missing=requirements.missing(),
                )
            return Outcome(state, question_for(requirements))
        return await self._plan(self._enter(state, WorkflowPhase.STRATEGY))

    async def _plan(self, state: UniversalWorkflowState, feedback: str | None = None) -> Outcome:
        strategy = await self._strategies.generate(state.requirements, previous=state.strategy, feedback=feedback)
        if strategy.source != "llm":
            self.session_logger.log_warning(
                "strategy_source_degraded", source=strategy.source, revision=strategy.revision
            )
        state = state.model_copy(update={"strategy": strategy, "confirmed": False})
        return Outcome(state, present_strategy(strategy))

    async def _strategy(self, state: UniversalWorkflowState, text: str) -> Outcome:
        if (strategy := state.strategy) is None:
            logger.warning("strategy_missing_in_phase", turn=state.turn)
            return await self._plan(state)
        if self._intent(state) is Intent.APPROVE:
            state = self._enter(state, WorkflowPhase.CONFIRMATION)
            return Outcome(state, ask_confirmation(state.requirements, strategy))
        requirements = collect(state.requirements, text)
        logger.info("strategy_revision_requested", feedback_chars=len(text))
        return await self._plan(state.model_copy(update={"requirements": requirements}), feedback=text)

    async def _confirmation(self, state: UniversalWorkflowState, text: str) -> Outcome:
        if self._intent(state) is Intent.APPROVE:
            confirmed = state.model_copy(update={"confirmed": True})
            return await self._write(self._enter(confirmed, WorkflowPhase.EMAIL))
        logger.info("confirmation_declined", feedback_chars=len(text))
        return await self._plan(self._enter(state, WorkflowPhase.STRATEGY), feedback=text)

    async def _write(self, state: UniversalWorkflowState, feedback: str | None = None) -> Outcome:
        if state.strategy is None:
            raise PhaseError("there is no strategy to write from")
        draft = await self._emails.generate(state.requirements, state.strategy, feedback)
        released = self._guard.check_email(draft, state.session_id)
        self.session_logger.log_session_event(
            state.session_id, "email_written", words=released.word_count, turn=state.turn
        )
        state = state.model_copy(update={"email": released, "updated_at": utc_now()})
        return Outcome(state, f"Here is your e-mail.\n\n{released.subject}\n\n{released.body}")

    async def _email(self, state: UniversalWorkflowState, text: str) -> Outcome:
        match self._intent(state):
            case Intent.APPROVE:
                self.session_logger.log_session_event(state.session_id, "email_accepted")
                return Outcome(state, "Glad to hear that. Tell me when you need another e-mail.")
            case Intent.EMAIL_REQUEST:
                fresh = self._enter(state, WorkflowPhase.REQUIREMENTS).model_copy(
                    update={
                        "requirements": Requirements(),
                        "strategy": None,
                        "confirmed": False,
                        "email": None,
                    }
                )
                return await self._requirements(fresh, text)
            case _:
                logger.info("email_revision_requested", feedback_chars=len(text))
                return await self._write(state, feedback=text)

    @staticmethod
    def _intent(state: UniversalWorkflowState) -> Intent | None:
        return state.last_intent.intent if state.last_intent else None
