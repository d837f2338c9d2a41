"""Guarded nodes in real graphs: rows R25–R27 and research 7, for pydantic, TypedDict and dataclass states."""

import asyncio
import dataclasses
import operator
from typing import Annotated, Any, TypedDict

import pytest
from pydantic import BaseModel, Field

from universal_framework.observability.testing import capture_events
from universal_framework.workflow.production_error_recovery import merge_recovery

pytest.importorskip("langgraph")

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt


class Model(BaseModel):
    context_data: dict[str, Any] | None = None
    error_recovery_state: dict[str, Any] | None = None
    recovery_attempts: dict[str, Any] = Field(default_factory=dict)
    messages: Annotated[list[str], operator.add] = Field(default_factory=list)
    answer: str = ""


class Table(TypedDict, total=False):
    context_data: dict[str, Any]
    error_recovery_state: dict[str, Any]
    recovery_attempts: dict[str, Any]
    messages: Annotated[list[str], operator.add]
    answer: str


@dataclasses.dataclass
class Record:
    context_data: dict[str, Any] | None = None
    error_recovery_state: dict[str, Any] | None = None
    recovery_attempts: dict[str, Any] | None = None
    messages: Annotated[list[str], operator.add] = dataclasses.field(default_factory=list)
    answer: str = ""


class Merged(TypedDict, total=False):
    context_data: Annotated[dict[str, Any], merge_recovery]
    error_recovery_state: Annotated[dict[str, Any], merge_recovery]
    recovery_attempts: Annotated[dict[str, Any], merge_recovery]
    messages: Annotated[list[str], operator.add]
    one: str
    two: str


SCHEMAS = pytest.mark.parametrize("schema", [Model, Table, Record])


@pytest.fixture(autouse=True)
def quiet():
    with capture_events() as logs:
        yield logs


def updated(state, **changes):
    if isinstance(state, BaseModel):
        return state.model_copy(update=changes)
    return {**state, **changes} if isinstance(state, dict) else dataclasses.replace(state, **changes)


def messages(state):
    return state["messages"] if isinstance(state, dict) else state.messages


async def bad(state):
    raise ConnectionError


async def simulated(state):
    return {"answer": "simulated"}


def graph_of(schema, node, checkpointer=None):
    graph = StateGraph(schema)
    graph.add_node("a", node)
    graph.add_edge(START, "a")
    return graph.compile(checkpointer=checkpointer)


def answer(graph, given, *rest):
    return asyncio.run(asyncio.wait_for(graph.ainvoke(given, *rest), 60))


@SCHEMAS
def test_R27_a_whole_state_doubles_no_channel(recovery, schema):
    async def agent(state):
        return updated(state, answer="real")

    after = answer(graph_of(schema, recovery.node("a", agent, schema=schema)), {"messages": ["hi"]})
    assert (after["messages"], after["answer"]) == (["hi"], "real")


@SCHEMAS
def test_R27_of_a_whole_state_what_was_appended_is_told(recovery, schema):
    async def agent(state):
        return updated(state, messages=[*messages(state), "more"])

    after = answer(graph_of(schema, recovery.node("a", agent, schema=schema)), {"messages": ["hi"]})
    assert after["messages"] == ["hi", "more"]


@SCHEMAS
def test_R27_a_partial_update_may_append_what_is_there_already(recovery, schema):
    async def agent(state):
        return {"messages": ["hi"]}

    after = answer(graph_of(schema, recovery.node("a", agent, schema=schema)), {"messages": ["hi"]})
    assert after["messages"] == ["hi", "hi"]


def test_R27_a_whole_state_whose_channel_was_rewritten_is_the_callers_error(recovery):
    async def agent(state: Model):
        return state.model_copy(update={"messages": ["rewritten"]})

    with pytest.raises(TypeError, match="return only the changes"):
        answer(graph_of(Model, recovery.node("a", agent)), {"messages": ["hi"]})


@SCHEMAS
def test_R27_what_an_agent_writes_in_place_is_told_too(recovery, schema):
    async def agent(state):
        messages(state).append("more")
        return state

    after = answer(graph_of(schema, recovery.node("a", agent, schema=schema)), {"messages": ["hi"]})
    assert after["messages"] == ["hi", "more"]


@SCHEMAS
def test_R25_a_command_passes_untouched(recovery, schema):
    async def agent(state):
        return Command(update={"answer": "commanded"}, goto=END)

    after = answer(graph_of(schema, recovery.node("a", agent)), {"messages": ["hi"]})
    assert after["answer"] == "commanded"
    assert recovery.get_metrics()["successful_executions"] == 1


@SCHEMAS
def test_an_error_and_a_fallback_in_a_graph(recovery, schema):
    failed = answer(graph_of(schema, recovery.node("a", bad)), {"messages": ["hi"]})
    assert failed["error_recovery_state"]["a"]["error_type"] == "execution_error"
    assert failed["recovery_attempts"] == {"a": 1}
    degraded = answer(graph_of(schema, recovery.node("b", bad, fallback=simulated)), {"messages": ["hi"]})
    assert (degraded["answer"], degraded["context_data"]["degraded"]) == ("simulated", ["b"])
    assert degraded["messages"] == ["hi"]


@SCHEMAS
def test_R26_an_interrupt_reaches_the_human_and_counts_as_nothing(recovery, schema):
    async def agent(state):
        return {"answer": interrupt("may I?")}

    graph = graph_of(schema, recovery.node("a", agent, fallback=simulated), InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    assert "__interrupt__" in answer(graph, {"messages": ["hi"]}, thread)
    assert recovery.get_metrics()["total_executions"] == 0
    assert answer(graph, Command(resume="yes"), thread)["answer"] == "yes"
    assert recovery.get_metrics()["successful_executions"] == 1


@pytest.mark.parametrize("broken", [False, True])
def test_R27_guarded_nodes_run_side_by_side(recovery, broken):
    async def two(state):
        if broken:
            raise ConnectionError
        return {**state, "two": "done"}

    async def one(state):
        return {**state, "one": "done"}

    graph = StateGraph(Merged)
    graph.add_node("one", recovery.node("one", one, schema=Merged))
    graph.add_node("two", recovery.node("two", two, schema=Merged))
    graph.add_edge(START, "one")
    graph.add_edge(START, "two")
    before = {"messages": ["hi"], "context_data": {"performance": {"zero": {"status": "fallback"}}}}
    after = answer(graph.compile(), before)
    assert (after["messages"], after["one"]) == (["hi"], "done")
    assert set(after["context_data"]["performance"]) == {"zero", "one", "two"}
    assert after["context_data"]["degraded"] == ["zero"]
    assert ("two" in after.get("recovery_attempts", {})) == broken


def test_R30_in_a_graph_with_merged_tables_a_success_clears_the_failure(recovery):
    async def agent(state):
        return {"one": "done"}

    error = {"agent_name": "a"}
    before = {
        "error_recovery_state": {"a": error, "b": error}, "recovery_attempts": {"a": 3},
        "context_data": {"last_error": error, "agent_execution_failed": True},
    }  # fmt: skip
    after = answer(graph_of(Merged, recovery.node("a", agent, schema=Merged)), before)
    assert after["error_recovery_state"] == {"b": error}
    assert after["recovery_attempts"] == {}
    assert "last_error" not in after["context_data"]


def test_books_need_not_be_kept(recovery):
    async def agent(state):
        return {"answer": "real"}

    node = recovery.node("a", agent, keep_books=False)
    assert asyncio.run(node({"messages": []})) == {"answer": "real"}


def test_annotations_of_an_agent_stay_so_that_the_graph_knows_what_it_reads(recovery):
    async def agent(state: Table) -> Table:
        return {"answer": type(state).__name__}

    after = answer(graph_of(Model, recovery.node("a", agent)), {"messages": ["hi"]})
    assert after["answer"] == "dict"
