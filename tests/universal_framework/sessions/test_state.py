"""The state of a conversation: what others write into it, versions side by side, graphs, and the helpers around it."""

from __future__ import annotations

import asyncio
import dataclasses
import types
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, Field, ValidationError

from universal_framework.contracts.reducers import merge_recovery
from universal_framework.contracts.state import Message, Role, UniversalWorkflowState, WorkflowPhase
from universal_framework.errors import InvalidInputError, StateAccessError
from universal_framework.utils import state_access
from universal_framework.utils.conversation_history_manager import ConversationHistoryManager
from universal_framework.utils.session_logging import SessionFlowLogger, hashed_session_id
from universal_framework.workflow import _states

from .conftest import CANARY

new = UniversalWorkflowState.new


def test_what_this_version_does_not_know_is_kept_and_written_back():
    stored = {
        "session_id": "s", "mood": {"x": 1}, "messages": [{"role": "user", "content": "hi", "language": "en"}],
    }  # fmt: skip
    state = UniversalWorkflowState.model_validate(stored)
    again = UniversalWorkflowState.model_validate_json(state.model_copy(update={"turn": 1}).model_dump_json())
    assert again.unknown_fields == {"mood": {"x": 1}}
    assert again.messages[0].model_extra == {"language": "en"}

    class Later(UniversalWorkflowState):
        mood: dict[str, int] = Field(default_factory=dict)

    later = Later.model_validate_json(again.model_dump_json())
    assert (later.mood, later.unknown_fields, later.turn) == ({"x": 1}, {}, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema_version": 2},
        {"session_id": ""},
        {"session_id": "x" * 257},
        {"version": -1},
        {"phase": "x"},
        {"unknown_fields": 5, "messages": 3},
    ],
)
def test_a_later_form_and_what_is_no_state_are_refused_without_their_content(wrong):
    with pytest.raises(ValidationError) as caught:
        UniversalWorkflowState.model_validate({"session_id": "s", "user_id": [CANARY], **wrong})
    assert CANARY not in str(caught.value)


def test_R22_none_is_an_empty_table():
    state = UniversalWorkflowState.model_validate(
        {"session_id": "s", "context_data": None, "error_recovery_state": None, "recovery_attempts": None}
    )
    assert (state.context_data, state.error_recovery_state, state.recovery_attempts) == ({}, {}, {})


def test_R29_a_naive_moment_is_taken_for_UTC():
    state = UniversalWorkflowState(session_id="s", created_at=datetime(2030, 1, 1))  # noqa: DTZ001
    assert state.created_at == datetime(2030, 1, 1, tzinfo=UTC)


def test_R27_the_tables_of_recovery_have_the_reducer_that_recovery_knows():
    found = _states.reducers(UniversalWorkflowState)
    assert found["context_data"] is found["error_recovery_state"] is found["recovery_attempts"] is merge_recovery
    assert "messages" not in found


def test_7_a_state_passes_through_a_graph_whose_nodes_run_side_by_side():
    pytest.importorskip("langgraph")
    from langgraph.graph import END, START, StateGraph

    from universal_framework.workflow.production_error_recovery import ProductionErrorRecovery

    async def writes(state: UniversalWorkflowState) -> UniversalWorkflowState:
        assert isinstance(state, UniversalWorkflowState)
        return state.model_copy(update={"turn": 7})

    async def fails(state: UniversalWorkflowState):
        raise ConnectionError

    recovery = ProductionErrorRecovery({})
    graph = StateGraph(UniversalWorkflowState)
    graph.add_node("one", recovery.node("one", writes, schema=UniversalWorkflowState))
    graph.add_node("two", recovery.node("two", fails, schema=UniversalWorkflowState))
    graph.add_edge(START, "one")
    graph.add_edge(START, "two")
    graph.add_edge("one", END)
    before = UniversalWorkflowState.model_validate(
        {"session_id": "s", "mood": 1, "messages": [{"role": "user", "content": "hi", "language": "en"}]}
    )
    after = UniversalWorkflowState.model_validate(asyncio.run(graph.compile().ainvoke(before)))
    assert (after.turn, after.messages, after.unknown_fields) == (7, before.messages, {"mood": 1})
    assert set(after.context_data["performance"]) == {"one", "two"}
    assert after.recovery_attempts == {"two": 1}


# -- access ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Record:
    session_id: str = "s"
    phase: str = "strategy"
    messages: list = dataclasses.field(default_factory=list)


class Model(BaseModel):
    session_id: str = "s"
    phase: str = "strategy"
    messages: list = []


KINDS = [
    UniversalWorkflowState(session_id="s", phase="strategy"), Record(), Model(), dict(vars(Record())),
    types.MappingProxyType(vars(Record())),
]  # fmt: skip


@pytest.mark.parametrize("state", KINDS, ids=lambda one: type(one).__name__)
def test_R21_a_state_is_read_and_leaves_as_what_it_came_as(state):
    message = {"role": "user", "content": "hi"}
    after = state_access.set_fields(state, messages=[message])
    assert type(after) is type(state)
    assert state_access.get_field(state, "messages") == []  # R23
    assert state_access.last_user_text(after) == "hi"
    assert state_access.last_user_text(state) == ""
    assert state_access.get_messages(after, Role.ASSISTANT) == []
    assert state_access.get_phase(state) is WorkflowPhase.STRATEGY
    assert state_access.as_model(after).session_id == "s"
    assert state_access.get_field(state, "nothing", 5) == 5
    assert state_access.get_phase(state_access.set_fields(state, phase=CANARY)) is WorkflowPhase.REQUIREMENTS


def test_7_what_a_node_appends_is_told_to_the_graph_once():
    before = new("s").model_copy(update={"messages": [Message(role=Role.USER, content="a")]})
    after = state_access.set_fields(before, turn=1)
    told = _states.changes(_states.values(before), after, _states.reducers(UniversalWorkflowState))
    assert told == {"turn": 1}


@pytest.mark.parametrize("state", [None, 5, "state", [1], Record, object()])
def test_what_is_no_state_is_an_error_that_says_so(state):
    calls = [
        lambda: state_access.get_field(state, "phase"), lambda: state_access.set_fields(state, phase=1),
        lambda: state_access.as_model(state), lambda: state_access.get_messages(state),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(StateAccessError, match="is not a state"):
            call()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"session_id": "s", "turn": CANARY},
        {"session_id": "s", "messages": CANARY},
        {"session_id": "s", "messages": [CANARY]},
    ],
)
def test_what_describes_no_state_is_an_error_without_its_content(state):
    with pytest.raises(StateAccessError) as caught:
        state_access.as_model(state)
    assert CANARY not in f"{caught.value!r}{caught.value.__cause__}"
    if "messages" in state:
        with pytest.raises(StateAccessError):
            state_access.get_messages(state)


def test_an_unknown_field_is_not_set_on_a_model():
    with pytest.raises(StateAccessError, match="unknown state fields: mod, turm"):
        state_access.set_fields(new("s"), turm=1, mod=2)


# -- the helpers ---------------------------------------------------------------------------------------------------


def test_M6_helpers_write_hashes_of_session_ids(events):
    flow, history = SessionFlowLogger(), ConversationHistoryManager(limit=2, max_message_chars=5)
    state = new(CANARY)
    flow.log_session_event(CANARY, "created")
    flow.flow_info("step", session_id=CANARY)
    flow.flow_warning("step", session_id=CANARY)
    flow.flow_error("step", session_id=CANARY)
    flow.flow_summary(CANARY, {"turns": 2, "errors": 0})
    flow.flow_summary(CANARY, {})
    with pytest.raises(ZeroDivisionError), flow.measured("step", CANARY):
        1 / 0  # noqa: B018
    for text in ("", "  ", "toolong", "\ud800"):
        with pytest.raises(InvalidInputError):
            history.add_user_message(state, text)
    for text in ("a", "b", "c"):
        state = history.add_user_message(state, text)
    assert [one.content for one in state.messages] == ["a", "c"]
    assert history.export(state, with_content=False)[0].keys() == {"role", "created_at"}
    hashes = {one["session_id"] for one in events if "session_id" in one}
    assert hashes == {hashed_session_id(CANARY)}
    assert hashed_session_id(None) is None


def test_a_long_conversation_stays_within_its_limit_and_keeps_how_it_began():
    history, state = ConversationHistoryManager(limit=20), new("s")
    for number in range(500):
        state = history.add_assistant_message(history.add_user_message(state, f"question {number}"), "answer")
    assert len(state.messages) == 20
    assert state.messages[0].content == "question 0"
    assert history.summarise(state).endswith("it began with: question 0")
    with pytest.raises(ValueError):
        ConversationHistoryManager(limit=1)
