"""The steps that find a message's intent: commands, classification, correction by context.

In: a message, and the state of its conversation, of any kind. Out: an `IntentResult`. Never: another error than that
the message has no text.
"""

from __future__ import annotations

import time

from universal_framework.agents.intent_classifier import IntentClassifier
from universal_framework.agents.requirements_collector import collect
from universal_framework.contracts.state import Intent, IntentResult, Role, UniversalWorkflowState, WorkflowPhase
from universal_framework.errors import UniversalFrameworkError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.state_access import StateLike, as_model, get_phase

logger = UniversalFrameworkLogger("intent_analyzer_chain")

COMMANDS = {"/help": Intent.HELP, "/reset": Intent.RESET}
FEEDBACK_WORDS = 4


def was_asked(state: UniversalWorkflowState) -> bool:
    """Return whether the last thing that we said was a question."""
    ours = [message.content for message in state.messages[-3:] if message.role is Role.ASSISTANT]
    return bool(ours) and ("?" in ours[-1] or ours[-1].startswith("Before I plan"))


class IntentAnalyzerChain:
    """Runs the steps in order; the first one that is sure decides."""

    def __init__(self, classifier: IntentClassifier) -> None:
        self._classifier = classifier

    async def analyse(self, text: str, state: StateLike) -> IntentResult:
        """Return the intent of ``text`` in the conversation ``state``.

        Raises:
            InvalidInputError: the message has no text.
        """
        started = time.perf_counter()
        phase = get_phase(state)
        success = False
        try:
            result = self._command(text)
            if result is None:
                result = await self._classifier.classify(text, phase)
                result = self._correct(result, text, state)
            success = True
        except UniversalFrameworkError as exc:
            logger.log_error("intent_analysis_failed", code=exc.code, phase=phase.value)
            raise
        finally:
            duration_ms = round((time.perf_counter() - started) * 1000, 2)
            logger.log_agent_execution("intent_analyzer", duration_ms=duration_ms, success=success, phase=phase.value)
        if result.source != "rules":
            logger.log_performance_metric("intent_analysis", duration_ms, source=result.source)
        return result

    @staticmethod
    def _command(text: str) -> IntentResult | None:
        """Return the intent of a slash command."""
        intent = COMMANDS.get(text[:100].strip().lower())
        if intent is None:
            return None
        logger.log_info("intent_command_recognised", intent=intent.value)
        return IntentResult(intent=intent, confidence=1.0, source="command")

    @staticmethod
    def _correct(result: IntentResult, text: str, state: StateLike) -> IntentResult:
        """Return ``result``, or what the conversation makes of a message that looks off topic."""
        if result.intent is not Intent.OFF_TOPIC or result.source == "rules":
            return result
        model = as_model(state)
        corrected: Intent | None = None
        match model.phase:
            case WorkflowPhase.REQUIREMENTS if (
                model.requirements.complete
                or collect(model.requirements, text, asked=was_asked(model)) != model.requirements
            ):
                corrected = Intent.PROVIDE_DETAILS
            case WorkflowPhase.STRATEGY | WorkflowPhase.CONFIRMATION | WorkflowPhase.EMAIL:
                if (
                    len(text[:1_000].split()) >= FEEDBACK_WORDS
                    or collect(model.requirements, text) != model.requirements
                ):
                    corrected = Intent.REVISE
        if corrected is None:
            return result
        logger.info(
            "intent_corrected_by_context",
            before=result.intent.value,
            after=corrected.value,
            phase=model.phase.value,
        )
        return result.model_copy(update={"intent": corrected, "source": "context"})
