"""One message through the workflow: a LangGraph graph whose agents run under recovery.

    intent_classifier → advance ─┬→ batch_requirements_collector ─┐ (complete)
                                 ├→ strategy_generator ←──────────┘
                                 ├→ strategy_confirmation_handler
                                 └→ enhanced_email_generator → release

In: the state of a conversation whose last message is the user's. Out: the state after it, and the reply. The four
agents of the plan, and the classifier, answer through `recovery.node`: what fails, takes too long or is refused is
answered by its simulation and marked in ``context_data["degraded"]``. What may follow what is `moves`, a pure function
of phase and intent. The graph is compiled once, when the orchestrator is made. Never: a state written to in place, an
e-mail that safe mode has not released, storage.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from universal_framework.agents.confirmation import ask_confirmation, present_strategy
from universal_framework.agents.intent_analyzer_chain import was_asked
from universal_framework.agents.requirements_collector import collect, question_for
from universal_framework.agents.strategy_generator import corrected, usable_feedback
from universal_framework.contracts.state import (
    EmailDraft,
    Intent,
    IntentResult,
    Requirements,
    Strategy,
    UniversalWorkflowState,
    WorkflowPhase,
    utc_now,
)
from universal_framework.errors import PhaseError, UniversalFrameworkError, WorkflowExecutionError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.state_access import last_user_text
from universal_framework.workflow import nodes
from universal_framework.workflow.intent_classification_nodes import Node, next_node, side_reply
from universal_framework.workflow.production_error_recovery import AgentTimeout, CircuitOpen, ProductionErrorRecovery

logger = UniversalFrameworkLogger("orchestrator")

ALLOWED_TRANSITIONS: Final[Mapping[WorkflowPhase, frozenset[WorkflowPhase]]] = {
    WorkflowPhase.REQUIREMENTS: frozenset({WorkflowPhase.STRATEGY}),
    WorkflowPhase.STRATEGY: frozenset({WorkflowPhase.CONFIRMATION}),
    WorkflowPhase.CONFIRMATION: frozenset({WorkflowPhase.STRATEGY, WorkflowPhase.EMAIL}),
    WorkflowPhase.EMAIL: frozenset({WorkflowPhase.REQUIREMENTS}),
}


class Step(StrEnum):
    """The nodes of the graph that answer, as the plan names them."""

    COLLECT = "batch_requirements_collector"
    PLAN = "strategy_generator"
    CONFIRM = "strategy_confirmation_handler"
    WRITE = "enhanced_email_generator"
    END = "__end__"


#: Who answers at each step, as recovery, metrics and health know it.
AGENTS: Final[Mapping[Step, str]] = {
    Step.COLLECT: "requirements_agent",
    Step.PLAN: "strategy_generator",
    Step.CONFIRM: "confirmation_agent",
    Step.WRITE: "email_generator",
}
CLASSIFIER: Final = "intent_classifier"

_CLOSING: Final = "Glad to hear that. Tell me when you need another e-mail."
_WHAT_ELSE: Final = "What shall I change: subject, audience, tone, or what it says?"


class Turn(UniversalWorkflowState):
    """A conversation's state while one message passes through the graph."""

    text: str = ""
    feedback: str | None = None
    taken_up: bool = False
    question: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answer to one message: the new state, and what to say."""

    state: UniversalWorkflowState
    reply: str


@dataclass(frozen=True, slots=True)
class Move:
    """Which step follows, and what changes before it."""

    step: Step
    changes: Mapping[str, Any]


class AgentUnavailableError(UniversalFrameworkError):
    """Neither an agent nor its simulation gave an answer; the conversation stays as it was."""

    code = "agent_unavailable"
    status = 503
    public_detail = "This step cannot be done at the moment. Please try again later."

    def __init__(self, agent: str, retry_after: float | None = None) -> None:
        super().__init__(f"{agent} and its simulation gave no answer")
        self.retry_after = retry_after


class Chain(Protocol):
    """What finds the intent of a message."""

    async def analyse(self, text: str, state: UniversalWorkflowState) -> IntentResult:
        """Return the intent of `text` in the conversation `state`."""
        ...


class Strategies(Protocol):
    """What plans e-mails."""

    async def generate(
        self,
        requirements: Requirements,
        *,
        previous: Strategy | None = None,
        feedback: str | None = None,
        taken_up: bool = False,
    ) -> Strategy:
        """Return a strategy; a new version of `previous` where there is one."""
        ...


class Emails(Protocol):
    """What writes e-mails."""

    async def generate(
        self,
        requirements: Requirements,
        strategy: Strategy,
        feedback: str | None = None,
        *,
        previous: EmailDraft | None = None,
        taken_up: bool = False,
    ) -> EmailDraft:
        """Return the e-mail; a new version of `previous` where there is one."""
        ...


class Guard(Protocol):
    """What decides whether an e-mail may be shown."""

    def check_email(self, draft: EmailDraft, session_id: str | None = None) -> EmailDraft:
        """Return the e-mail, or raise `SafeModeViolationError`."""
        ...


# -- what may follow: pure ------------------------------------------------------------------------------------------


def enter(before: WorkflowPhase, after: WorkflowPhase) -> WorkflowPhase:
    """Return the phase `after`.

    Raises:
        PhaseError: It cannot follow `before`.
    """
    if after is not before and after not in ALLOWED_TRANSITIONS[before]:
        raise PhaseError(f"{after.value} does not follow {before.value}")
    return after


def moves(state: UniversalWorkflowState, text: str) -> Move:
    """Return what a message leads to, by the phase of its conversation and its intent.

    Raises:
        PhaseError: There is no strategy to write from.
    """
    intent = state.last_intent.intent if state.last_intent else None
    approved = intent is Intent.APPROVE
    match state.phase:
        case WorkflowPhase.REQUIREMENTS:
            return Move(Step.COLLECT, {})
        case WorkflowPhase.STRATEGY if state.strategy is None:
            return Move(Step.PLAN, {})
        case WorkflowPhase.STRATEGY if approved:
            return Move(Step.CONFIRM, {})
        case WorkflowPhase.CONFIRMATION if approved:
            return _writing(state, {"confirmed": True})
        case WorkflowPhase.STRATEGY | WorkflowPhase.CONFIRMATION if usable_feedback(text) is None:
            return Move(Step.END, {"phase": enter(state.phase, WorkflowPhase.STRATEGY), "reply": _WHAT_ELSE})
        case WorkflowPhase.STRATEGY | WorkflowPhase.CONFIRMATION:
            return Move(Step.PLAN, _changed(state, text))
        case WorkflowPhase.EMAIL if approved:
            return Move(Step.END, {"reply": _CLOSING})
        case WorkflowPhase.EMAIL if intent is Intent.EMAIL_REQUEST:
            phase = enter(state.phase, WorkflowPhase.REQUIREMENTS)
            return Move(Step.COLLECT, {"phase": phase, **_blank(state)})
        case WorkflowPhase.EMAIL if usable_feedback(text) is None:
            return Move(Step.END, {"reply": _WHAT_ELSE})
        case WorkflowPhase.EMAIL:
            changes = _changed(state, text)
            strategy = state.strategy and corrected(state.strategy, state.requirements, changes["requirements"])
            return _writing(state, {**changes, "strategy": strategy})


def _changed(state: UniversalWorkflowState, text: str) -> dict[str, Any]:
    """Return what a comment changes: the requirements, where it says which; all of it is handed on as feedback."""
    requirements = collect(state.requirements, text)
    return {"requirements": requirements, "feedback": text, "taken_up": requirements != state.requirements}


def _writing(state: UniversalWorkflowState, changes: Mapping[str, Any]) -> Move:
    if state.strategy is None:
        raise PhaseError("there is no strategy to write from")
    return Move(Step.WRITE, changes)


def _blank(state: UniversalWorkflowState) -> dict[str, Any]:
    """Return what the next e-mail begins with: nothing of the last one, nor of what recovery noted about it."""
    tables = ("context_data", "error_recovery_state", "recovery_attempts")
    gone = {name: dict.fromkeys(getattr(state, name)) for name in tables}
    return {"requirements": Requirements(), "strategy": None, "confirmed": False, "email": None, **gone}


def reply_of(turn: Turn) -> str:
    """Return what to say after the step that a message led to.

    Raises:
        WorkflowExecutionError: What the step should have made is not there.
    """
    match turn.phase:
        case WorkflowPhase.REQUIREMENTS:
            return question_for(turn.requirements)
        case WorkflowPhase.STRATEGY if turn.strategy is not None:
            return present_strategy(turn.strategy)
        case WorkflowPhase.CONFIRMATION if turn.question:
            return turn.question
        case WorkflowPhase.EMAIL if turn.email is not None:
            return f"Here is your e-mail.\n\n{turn.email.subject}\n\n{turn.email.body}"
    raise WorkflowExecutionError(f"the step gave nothing for phase {turn.phase.value}")


def degraded_agents(state: UniversalWorkflowState) -> list[str]:
    """Return the agents in whose place a simulation gave what the conversation holds now."""
    named = state.context_data.get("degraded")
    return [str(name) for name in named] if isinstance(named, list | tuple) else []


# -- the simulations: the plan's nodes, with what our state knows beside ---------------------------------------------


async def simulated_intent(state: Turn) -> dict[str, Any]:
    """Return the intent by the phase alone, for when not even the rules could be asked."""
    likely = {WorkflowPhase.REQUIREMENTS: Intent.PROVIDE_DETAILS}.get(state.phase, Intent.REVISE)
    return {"last_intent": IntentResult(intent=likely, confidence=0.3, source="phase")}


async def simulated_strategy(state: Turn) -> Turn:
    """Return the plan's simulation of a strategy, as the next version, with the feedback taken up."""
    after = await nodes.strategy_generator(state)
    if after.strategy is None:
        return after
    changes: dict[str, Any] = {"revision": state.strategy.revision + 1 if state.strategy else 1}
    if state.feedback:
        changes["outline"] = (*after.strategy.outline[:-1], f"Take up: {state.feedback}", *after.strategy.outline[-1:])
    return after.model_copy(update={"strategy": after.strategy.model_copy(update=changes), "confirmed": False})


async def simulated_confirmation(state: Turn) -> Turn:
    """Return the plan's simulated question."""
    after = await nodes.strategy_confirmation_handler(state)
    simulated = after.context_data.get("simulation", {}).get("confirmation", {})
    return after.model_copy(update={"question": str(simulated.get("question", ""))})


# -- the graph --------------------------------------------------------------------------------------------------------


class WorkflowOrchestrator:
    """Answers messages.

    Args:
        chain: Finds intents.
        strategies: Plans.
        emails: Writes.
        guard: Releases what was written.
        recovery: Guards the agents.
    """

    def __init__(
        self,
        *,
        chain: Chain,
        strategies: Strategies,
        emails: Emails,
        guard: Guard,
        recovery: ProductionErrorRecovery,
    ) -> None:
        self._chain = chain
        self._strategies = strategies
        self._emails = emails
        self._guard = guard
        self._recovery = recovery
        recovery.register(CLASSIFIER, fallback=simulated_intent)
        self._graph = self._compiled()

    async def run(self, state: UniversalWorkflowState) -> Outcome:
        """Return the answer to the last user message of `state`.

        Raises:
            AgentUnavailableError: Neither an agent nor its simulation gave an answer.
            SafeModeViolationError: The e-mail may not be shown.
            PhaseError: The conversation lacks what the step needs.
            UniversalFrameworkError: An agent failed while recovery is disabled.
        """
        before = state.phase
        given = {name: getattr(state, name) for name in UniversalWorkflowState.model_fields}
        given = {name: value for name, value in given.items() if value is not None}
        result = await self._graph.ainvoke({**given, "text": last_user_text(state)})
        known = {name: result[name] for name in UniversalWorkflowState.model_fields if name in result}
        after = state.model_copy(update={**known, **_without_gone(known), "updated_at": utc_now()})
        if after.phase is not before:
            logger.log_workflow_transition(before.value, after.phase.value, turn=after.turn)
            logger.log_session_event(after.session_id, "phase_entered", phase=after.phase.value, turn=after.turn)
        return Outcome(after, result["reply"])

    def _compiled(self) -> Any:
        from langgraph.graph import END, START, StateGraph

        graph: Any = StateGraph(Turn)
        graph.add_node(CLASSIFIER, self._guarded(CLASSIFIER, self._classify))
        graph.add_node("advance", _advance, destinations=tuple(step.value for step in Step))
        graph.add_node(Step.COLLECT.value, self._guarded(AGENTS[Step.COLLECT], self._collect))
        graph.add_node(Step.PLAN.value, self._guarded(AGENTS[Step.PLAN], self._plan, WorkflowPhase.STRATEGY))
        confirm = self._guarded(AGENTS[Step.CONFIRM], self._confirm, WorkflowPhase.CONFIRMATION)
        graph.add_node(Step.CONFIRM.value, confirm)
        graph.add_node(Step.WRITE.value, self._guarded(AGENTS[Step.WRITE], self._write, WorkflowPhase.EMAIL))
        graph.add_node("release", self._release)
        graph.add_node("compose", _compose)
        graph.add_edge(START, CLASSIFIER)
        graph.add_edge(CLASSIFIER, "advance")
        graph.add_conditional_edges(Step.COLLECT.value, _after_collecting, [Step.PLAN.value, "compose"])
        graph.add_edge(Step.PLAN.value, "compose")
        graph.add_edge(Step.CONFIRM.value, "compose")
        graph.add_edge(Step.WRITE.value, "release")
        graph.add_edge("release", "compose")
        graph.add_edge("compose", END)
        return graph.compile(name="workflow")

    def _guarded(self, agent: str, function: Callable[..., Awaitable[Any]], phase: WorkflowPhase | None = None) -> Any:
        """Return the node of an agent under recovery; where it made what its phase needs, that phase is entered."""
        fallbacks = {AGENTS[Step.PLAN]: simulated_strategy, AGENTS[Step.CONFIRM]: simulated_confirmation}
        guarded = self._recovery.node(agent, function, fallback=fallbacks.get(agent), schema=Turn)

        async def node(state: Turn) -> dict[str, Any]:
            try:
                given: dict[str, Any] = await guarded(state)
            except (CircuitOpen, AgentTimeout) as error:  # recovery only watches: shadow mode
                raise AgentUnavailableError(agent, getattr(error, "retry_after", None)) from error
            performance = given.get("context_data", {}).get("performance", {}).get(agent, {})
            if performance.get("status") == "error":
                told = given.get("error_recovery_state", {}).get(agent, {})
                raise AgentUnavailableError(agent, told.get("retry_after"))
            return given if phase is None else {**given, "phase": enter(state.phase, phase)}

        functools.update_wrapper(node, function, assigned=("__name__", "__doc__"), updated=())
        del node.__wrapped__  # type: ignore[attr-defined]
        return node

    async def _classify(self, state: Turn) -> dict[str, Any]:
        return {"last_intent": await self._chain.analyse(state.text, state)}

    async def _collect(self, state: Turn) -> dict[str, Any]:
        requirements = collect(state.requirements, state.text, asked=was_asked(state))
        logger.info("requirements_collected", missing=requirements.missing())
        return {"requirements": requirements}

    async def _plan(self, state: Turn) -> dict[str, Any]:
        strategy = await self._strategies.generate(
            state.requirements, previous=state.strategy, feedback=state.feedback, taken_up=state.taken_up
        )
        return {"strategy": strategy, "confirmed": False}

    async def _confirm(self, state: Turn) -> dict[str, Any]:
        if state.strategy is None:
            raise PhaseError("there is no strategy to confirm")
        return {"question": ask_confirmation(state.requirements, state.strategy)}

    async def _write(self, state: Turn) -> dict[str, Any]:
        if state.strategy is None:
            raise PhaseError("there is no strategy to write from")
        draft = await self._emails.generate(
            state.requirements, state.strategy, state.feedback, previous=state.email, taken_up=state.taken_up
        )
        return {"email": draft}

    def _release(self, state: Turn) -> dict[str, Any]:
        if state.email is None:
            raise WorkflowExecutionError("no e-mail was written")
        released = self._guard.check_email(state.email, state.session_id)
        logger.log_session_event(state.session_id, "email_written", words=released.word_count, turn=state.turn)
        return {"email": released}


def _advance(state: Turn) -> Any:
    """Say which step follows the classification; side nodes answer at once."""
    from langgraph.types import Command

    node = next_node(state)
    if node is Node.WORKFLOW:
        move = moves(state, state.text)
        return Command(goto=move.step.value, update=dict(move.changes))
    answered, reply = side_reply(state, node)
    changes: dict[str, Any] = {"reply": reply}
    if node is Node.RESET:
        changes |= {"phase": answered.phase, **_blank(state)}
    return Command(goto=Step.END.value, update=changes)


def _after_collecting(state: Turn) -> str:
    return Step.PLAN.value if state.requirements.complete else "compose"


def _compose(state: Turn) -> dict[str, Any]:
    return {"reply": reply_of(state)}


def _without_gone(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a state without the keys that were taken out."""
    tables = {name: known.get(name) for name in ("context_data", "error_recovery_state", "recovery_attempts")}
    return {
        name: {key: value for key, value in table.items() if value is not None}
        for name, table in tables.items()
        if isinstance(table, Mapping)
    }
