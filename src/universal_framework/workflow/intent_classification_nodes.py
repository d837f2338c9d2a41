"""The first nodes of the workflow: what does the user want, and which node answers?"""

from __future__ import annotations

from enum import StrEnum

from universal_framework.agents.intent_analyzer_chain import IntentAnalyzerChain
from universal_framework.contracts.state import Intent, UniversalWorkflowState, WorkflowPhase
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.state_access import last_user_text

logger = UniversalFrameworkLogger("intent_classification_nodes")


class Node(StrEnum):
    """The nodes that may answer after the classification."""

    WORKFLOW = "workflow"
    HELP = "help"
    OFF_TOPIC = "off_topic"
    RESET = "reset"


_SIDE_REPLIES = {
    Node.HELP: (
        "I write e-mails with you: tell me what it is about, for whom, in which tone and what it must "
        "say. I show you a plan, you approve it, and I write the e-mail. '/reset' starts over."
    ),
    Node.RESET: "Let us start over. What should your e-mail be about?",
}
#: What we wait for, said again to who talks of something else.
_ASKED_AGAIN = {
    WorkflowPhase.REQUIREMENTS: "What should your e-mail be about?",
    WorkflowPhase.STRATEGY: "Does the plan fit, or shall I change something?",
    WorkflowPhase.CONFIRMATION: "Shall I write it now, or change the plan?",
    WorkflowPhase.EMAIL: "Shall I change something in this one, or do you need another?",
}


async def classify_intent_node(state: UniversalWorkflowState, chain: IntentAnalyzerChain) -> UniversalWorkflowState:
    """Return the state with the intent of the last user message.

    Raises:
        InvalidInputError: the message has no text.
    """
    result = await chain.analyse(last_user_text(state), state)
    logger.log_info(
        "intent_node_completed",
        intent=result.intent.value,
        confidence=round(result.confidence, 2),
        source=result.source,
    )
    return state.model_copy(update={"last_intent": result})


def next_node(state: UniversalWorkflowState) -> Node:
    """Return the node that answers."""
    intent = state.last_intent.intent if state.last_intent else None
    match intent:
        case None:
            logger.log_warning("intent_missing", phase=state.phase.value)
            node = Node.WORKFLOW
        case Intent.HELP:
            node = Node.HELP
        case Intent.OFF_TOPIC:
            node = Node.OFF_TOPIC
        case Intent.RESET:
            node = Node.RESET
        case _:
            node = Node.WORKFLOW
    logger.log_workflow_transition("intent_classification", node.value, phase=state.phase.value)
    return node


def side_reply(state: UniversalWorkflowState, node: Node) -> tuple[UniversalWorkflowState, str]:
    """Return the state and the reply of a node outside the four phases.

    Raises:
        ValueError: the node belongs to the phases.
    """
    if node is Node.WORKFLOW:
        raise ValueError("the workflow node answers through the orchestrator")
    if node is Node.RESET:
        logger.log_session_event(state.session_id, "session_reset", phase=state.phase.value)
        fresh = UniversalWorkflowState.new(state.session_id)
        state = fresh.model_copy(
            update={
                "turn": state.turn,
                "messages": state.messages,
                "created_at": state.created_at,
                "last_intent": state.last_intent,
            }
        )
    if node is Node.OFF_TOPIC:
        return state, f"I can only help with e-mails. {_ASKED_AGAIN[state.phase]}"
    return state, _SIDE_REPLIES[node]
