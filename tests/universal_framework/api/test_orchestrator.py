"""The phases as a graph under recovery, driven without the API."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.agents.email_generator import EmailGenerator
from universal_framework.agents.intent_analyzer_chain import IntentAnalyzerChain
from universal_framework.agents.intent_classifier import IntentClassifier
from universal_framework.agents.strategy_generator import StrategyGenerator
from universal_framework.api.response_transformer import (
    MAX_REPLY_CHARS,
    clip,
    history_view,
    session_view,
    transform_state,
)
from universal_framework.compliance.safe_mode import SafeModeGuard, SafeModePolicy
from universal_framework.contracts.state import (
    EmailDraft,
    Intent,
    IntentResult,
    Message,
    Requirements,
    Role,
    Strategy,
    UniversalWorkflowState,
    WorkflowPhase,
)
from universal_framework.errors import LLMError, PhaseError, SafeModeViolationError, StateAccessError
from universal_framework.llm.providers import SimulationProvider
from universal_framework.workflow import orchestrator as module
from universal_framework.workflow.intent_classification_nodes import Node, next_node, side_reply
from universal_framework.workflow.orchestrator import (
    AGENTS,
    ALLOWED_TRANSITIONS,
    AgentUnavailableError,
    Step,
    WorkflowOrchestrator,
    enter,
    moves,
)
from universal_framework.workflow.production_error_recovery import ErrorRecoveryConfig, ProductionErrorRecovery

NEEDS = Requirements(
    topic="the office move", audience="all engineering staff", tone="friendly",
    key_points=("pack your desk", "labels are at reception"),
)  # fmt: skip
PLAN = Strategy(subject_line="The office move", summary="s", outline=("one", "two"), tone="friendly", revision=3)
MAIL = EmailDraft(subject="The office move", body="Hello all")


class Says:
    """A chain that finds the same intent always."""

    def __init__(self, intent):
        self.intent = intent

    async def analyse(self, text, state):
        if isinstance(self.intent, Exception):
            raise self.intent
        return IntentResult(intent=self.intent, confidence=1.0)


class Fails:
    async def generate(self, *args, **kwargs):
        raise LLMError("llm.unreachable", retryable=True)


def make(intent=Intent.PROVIDE_DETAILS, *blocked, strategies=None, emails=None, recovery=None):
    llm = SimulationProvider()
    return WorkflowOrchestrator(
        chain=Says(intent),
        strategies=strategies or StrategyGenerator(llm, allow_fallback=False),
        emails=emails or EmailGenerator(llm),
        guard=SafeModeGuard(SafeModePolicy(blocked_terms=blocked)),
        recovery=recovery or ProductionErrorRecovery({}),
    )


def said(text, **fields):
    state = UniversalWorkflowState.new().model_copy(update=fields)
    return state.model_copy(update={"messages": [Message(role=Role.USER, content=text)], "turn": 1})


def run(state, *args, **options):
    return asyncio.run(asyncio.wait_for(make(*args, **options).run(state), 60))


PLANNED = {"phase": WorkflowPhase.STRATEGY, "requirements": NEEDS, "strategy": PLAN}
ASKED = {**PLANNED, "phase": WorkflowPhase.CONFIRMATION}
WRITTEN = {**PLANNED, "phase": WorkflowPhase.EMAIL, "email": MAIL, "confirmed": True}


def test_incomplete_requirements_are_asked_for():
    outcome = run(said("an email about lunch"))
    assert outcome.state.phase is WorkflowPhase.REQUIREMENTS
    assert outcome.state.requirements.topic == "lunch"
    assert "audience" in outcome.reply


def test_complete_requirements_lead_to_a_strategy():
    outcome = run(said("that is all", requirements=NEEDS))
    assert (outcome.state.phase, outcome.state.strategy.revision) == (WorkflowPhase.STRATEGY, 1)
    assert "version 1" in outcome.reply


def test_approval_leads_to_confirmation_and_email():
    asked = run(said("fine", **PLANNED), Intent.APPROVE)
    assert (asked.state.phase, asked.state.confirmed) == (WorkflowPhase.CONFIRMATION, False)
    written = run(said("yes", **ASKED), Intent.APPROVE)
    assert (written.state.phase, written.state.confirmed) == (WorkflowPhase.EMAIL, True)
    assert written.state.email.body in written.reply


@pytest.mark.parametrize("before", [PLANNED, ASKED])
def test_feedback_leads_to_a_new_version(before):
    revised = run(said("Tone: formal", **before), Intent.REVISE).state
    assert revised.phase is WorkflowPhase.STRATEGY
    assert (revised.strategy.revision, revised.strategy.tone) == (4, "formal")


def test_after_the_email():
    assert "Glad" in run(said("thanks, ok", **WRITTEN), Intent.APPROVE).reply
    assert run(said("make it shorter", **WRITTEN), Intent.REVISE).state.email != MAIL
    degraded = {"context_data": {"performance": {"email_generator": {"status": "fallback"}}, "simulation": {"a": 1}}}
    again = run(said("an email about cake", **WRITTEN, **degraded), Intent.EMAIL_REQUEST).state
    assert again.phase is WorkflowPhase.REQUIREMENTS
    assert again.requirements == Requirements(topic="cake")
    assert (again.email, again.strategy, again.confirmed) == (None, None, False)
    assert "simulation" not in again.context_data
    assert module.degraded_agents(again) == []


def test_a_forbidden_email_is_withheld_and_the_state_stays():
    before = said("yes", **ASKED)
    with pytest.raises(SafeModeViolationError):
        run(before, Intent.APPROVE, "pack your desk")
    assert before.email is None


def test_an_email_without_a_strategy_is_a_phase_error():
    with pytest.raises(PhaseError, match="no strategy"):
        run(said("yes", phase=WorkflowPhase.CONFIRMATION), Intent.APPROVE)


def test_a_lost_strategy_is_written_again():
    state = said("yes", phase=WorkflowPhase.STRATEGY, requirements=NEEDS)
    assert run(state, Intent.APPROVE).state.strategy is not None


phases = st.sampled_from(list(WorkflowPhase))


@given(phases, phases)
def test_phases_follow_each_other_as_they_may(before, after):
    if after is before or after in ALLOWED_TRANSITIONS[before]:
        assert enter(before, after) is after
    else:
        with pytest.raises(PhaseError):
            enter(before, after)


@given(phases, st.sampled_from([None, *Intent]), st.sampled_from([None, PLAN]), st.text(max_size=30))
def test_every_phase_and_intent_has_a_move_or_a_phase_error(phase, intent, strategy, text):
    intent = None if intent is None else IntentResult(intent=intent, confidence=1.0)
    state = UniversalWorkflowState.new().model_copy(
        update={"phase": phase, "last_intent": intent, "strategy": strategy, "requirements": NEEDS}
    )
    before = state.model_dump()
    try:
        assert moves(state, text).step in Step
    except PhaseError:
        assert strategy is None
    assert state.model_dump() == before


@pytest.mark.parametrize(
    ("intent", "node"),
    [
        (Intent.HELP, Node.HELP),
        (Intent.OFF_TOPIC, Node.OFF_TOPIC),
        (Intent.RESET, Node.RESET),
        (Intent.APPROVE, Node.WORKFLOW),
    ],
)
def test_nodes(intent, node):
    state = said("x", last_intent=IntentResult(intent=intent, confidence=1.0))
    assert next_node(state) is node


def test_side_nodes_answer_and_reset_starts_over():
    helped = run(said("help", **PLANNED), Intent.HELP)
    assert (helped.state.phase, helped.state.strategy) == (WorkflowPhase.STRATEGY, PLAN)
    assert "plan" in helped.reply
    state = said("/reset", **WRITTEN, error_recovery_state={"a": {}}, recovery_attempts={"a": 2})
    fresh = run(state, Intent.RESET).state
    assert (fresh.phase, fresh.requirements, fresh.strategy, fresh.email) == (
        WorkflowPhase.REQUIREMENTS, Requirements(), None, None,
    )  # fmt: skip
    assert (fresh.session_id, fresh.messages, fresh.created_at) == (state.session_id, state.messages, state.created_at)
    assert fresh.recovery_attempts == {}
    with pytest.raises(ValueError, match="orchestrator"):
        side_reply(fresh, Node.WORKFLOW)


# -- under recovery ---------------------------------------------------------------------------------------------------


def test_R39_agents_are_known_by_the_plans_names():
    recovery = ProductionErrorRecovery({})
    make(recovery=recovery)
    named = set(recovery.circuit_breakers)
    assert named == {*AGENTS.values(), module.CLASSIFIER}
    assert {*AGENTS.values()} == {"requirements_agent", "strategy_generator", "confirmation_agent", "email_generator"}


def test_R40_every_agent_has_a_simulation_that_is_not_itself_and_asks_no_model():
    recovery = ProductionErrorRecovery({})
    orchestrator = make(Intent.APPROVE, recovery=recovery)
    for agent in AGENTS.values():
        recovery.force_open(agent)
    for state, phase in ((said("x", requirements=NEEDS), "strategy"), (said("x", **PLANNED), "confirmation"),
                         (said("x", **ASKED), "email")):  # fmt: skip
        outcome = asyncio.run(orchestrator.run(state))
        assert outcome.state.phase.value == phase
        assert outcome.reply
        assert module.degraded_agents(outcome.state)


def test_R40_a_simulated_strategy_takes_the_feedback_up_as_the_next_version():
    outcome = run(said("mention parking", **PLANNED), Intent.REVISE, strategies=Fails())
    assert (outcome.state.strategy.revision, outcome.state.strategy.source) == (4, "simulation")
    assert "mention parking" in str(outcome.state.strategy.outline)
    assert transform_state(outcome.state, outcome.reply).degraded == ["strategy_generator"]


def test_R41_the_graph_is_made_once_when_the_orchestrator_is():
    orchestrator = make()
    graph = orchestrator._graph
    asyncio.run(orchestrator.run(said("an email about lunch")))
    assert orchestrator._graph is graph


def test_an_intent_that_cannot_be_found_is_taken_from_the_phase():
    outcome = run(said("Tone: formal", **PLANNED), LLMError("llm.unreachable"))
    assert outcome.state.last_intent.source == "phase"
    assert outcome.state.strategy.revision == 4
    assert module.CLASSIFIER in module.degraded_agents(outcome.state)


def test_R19_without_an_agent_and_its_simulation_the_conversation_stays_as_it_was():
    config = ErrorRecoveryConfig(fallback_on=[])
    state = said("that is all", requirements=NEEDS)
    with pytest.raises(AgentUnavailableError) as caught:
        run(state, strategies=Fails(), recovery=ProductionErrorRecovery(config))
    assert (caught.value.status, caught.value.code) == (503, "agent_unavailable")
    assert state.strategy is None


def test_R43_a_refused_agent_without_a_simulation_says_when_to_come_back():
    recovery = ProductionErrorRecovery(ErrorRecoveryConfig(fallback_on=[], circuit_breaker_threshold=1))
    orchestrator = make(strategies=Fails(), recovery=recovery)
    for _ in range(2):
        with pytest.raises(AgentUnavailableError) as caught:
            asyncio.run(orchestrator.run(said("that is all", requirements=NEEDS)))
    assert 0 < caught.value.retry_after <= 70


def test_R42_monitoring_hears_of_every_agent():
    from universal_framework.observability.production_monitoring import ProductionMonitor

    monitor = ProductionMonitor({"exporter": "prometheus"})
    recovery = ProductionErrorRecovery({}, listeners=(monitor,))
    run(said("that is all", requirements=NEEDS), recovery=recovery)
    text = monitor.prometheus_text()
    for agent in (module.CLASSIFIER, "requirements_agent", "strategy_generator"):
        assert f'agent_executions_total{{agent="{agent}",outcome="success"' in text


def test_M19_R42_a_request_is_counted_by_route_and_nobodys_id(client, conversation, talk):
    session_id = talk(client, conversation[0])["session_id"]
    client.get(f"/api/workflow/sessions/{session_id}")
    text = client.get("/metrics").text
    assert 'route="/api/workflow/sessions/{session_id}",status="200"' in text
    assert session_id not in text


def test_R48_recovery_is_configured_by_its_typed_section(start, configured):
    from universal_framework.config.models import AgentRecoveryConfig
    from universal_framework.config.models import ErrorRecoveryConfig as Section

    section = Section(agent_timeout=7, agents={"email_generator": AgentRecoveryConfig(agent_timeout=9)})
    config = start(configured(error_recovery=section)).app.state.services.recovery.config
    assert (config.agent("strategy_generator").agent_timeout, config.agent("email_generator").agent_timeout) == (7, 9)


# -- what leaves the service --------------------------------------------------------------------------------------------


def test_the_first_phase_shows_what_is_missing_and_no_strategy():
    response = transform_state(UniversalWorkflowState.new("session-1"), "Hello")
    assert response.missing == ["topic", "audience", "tone", "key points"]
    assert (response.strategy, response.complete) == (None, False)


def test_the_last_phase_shows_everything_whatever_kind_the_state_is():
    state = said("x", **WRITTEN)
    response = transform_state(state, "Here")
    assert (response.complete, response.email.word_count, response.strategy.revision) == (True, 2, 3)
    assert transform_state(state.model_dump(mode="json"), "Here") == response


def test_an_empty_email_is_left_out():
    empty = said("x", **{**WRITTEN, "email": EmailDraft(subject="x", body=" ")})
    response = transform_state(empty, "Here")
    assert (response.email, response.complete) == (None, False)
    assert "email_unavailable" in response.warnings


def test_what_is_no_state_is_refused():
    with pytest.raises(StateAccessError):
        transform_state({"phase": "nowhere"}, "Hello")


def test_long_replies_are_cut_at_a_word():
    assert clip("short") == "short"
    cut = clip("word " * MAX_REPLY_CHARS)
    assert len(cut) <= MAX_REPLY_CHARS + 2
    assert cut.endswith("word …")


def test_views_of_a_session():
    messages = [Message(role=Role.USER, content=f"m{n}") for n in range(5)]
    state = UniversalWorkflowState.new("session-1").model_copy(update={**WRITTEN, "messages": messages})
    assert (session_view(state).message_count, session_view(state).complete) == (5, True)
    page = history_view(state, limit=2)
    assert ([entry.content for entry in page.entries], page.total) == (["m3", "m4"], 5)
    assert history_view(state, limit=2, role=Role.ASSISTANT).entries == []


def test_a_conversation_as_the_classifier_sees_it():
    chain = IntentAnalyzerChain(IntentClassifier(SimulationProvider()))
    found = asyncio.run(chain.analyse("Yes, please write it now", said("x", **ASKED)))
    assert found.intent is Intent.APPROVE
