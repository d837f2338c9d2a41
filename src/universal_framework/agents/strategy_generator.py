"""Planning the e-mail: subject line, summary and outline, for the user to approve.

In: complete requirements, what the user said to the last plan. Out: a `Strategy` whose every text is one clean, bounded
line, marked with who made it: ``llm``, ``simulation`` (no model was asked) or ``template`` (the model failed). Never:
an instruction taken from a requirement, a line break in a subject.
"""

from __future__ import annotations

from typing import Final

from universal_framework.agents import _answers
from universal_framework.agents._text import clean_line, clean_text, quoted
from universal_framework.contracts.llm import SIMULATION, LLMProvider, LLMRequest, Purpose
from universal_framework.contracts.state import Requirements, Strategy
from universal_framework.errors import LLMError, PhaseError
from universal_framework.llm.simulation import SEPARATOR
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("strategy_generator")

MAX_ANSWER_CHARS: Final = 20_000
MAX_OUTLINE_ITEMS: Final = 12
MAX_ITEM_CHARS: Final = 300
MAX_SUBJECT_CHARS: Final = 120
MAX_SUMMARY_CHARS: Final = 600
MAX_FEEDBACK_CHARS: Final = 1_000

_SUBJECTS: Final = ("subject", "subject line", "title", "betreff")
_SUMMARIES: Final = ("summary", "overview")
#: Feedback that asks for nothing in particular.
_BARE: Final = frozenset({"no", "nope", "no thanks", "no thank you", "not yet", "not quite", "wait", "stop", "cancel"})


def build_prompt(requirements: Requirements, feedback: str | None, previous: Strategy | None = None) -> str:
    """Return the instruction for the model; what the user said stands in it as quoted data."""
    points = "\n".join(f"- {quoted(point)}" for point in requirements.key_points)
    change = f"\nThe user asks for this change of the plan: {quoted(feedback)}" if feedback else ""
    if change and previous is not None:
        items = "\n".join(f"- {quoted(item)}" for item in previous.outline)
        change = f"\nThe last plan had the subject {quoted(previous.subject_line)} and the outline\n{items}{change}"
    return (
        f"Plan an e-mail to {quoted(requirements.audience or '')} about {quoted(requirements.topic or '')}.\n"
        f"Tone: {quoted(requirements.tone or '')}. It must say:\n{points}\n"
        "Answer with 'Subject: …', 'Summary: …' and one outline item per line, "
        f"each beginning with '- '.{change}"
    )


def parse_strategy(text: str, requirements: Requirements, revision: int) -> Strategy:
    """Return the strategy in a model's answer.

    Raises:
        LLMError: `llm.no_outline`: the answer has no outline, so there is nothing to approve.
    """
    answer = _answers.without_fences(clean_text(text, MAX_ANSWER_CHARS))
    subject, summary, outline = _parts(answer)
    items = [item for one in outline if (item := clean_line(_answers.plain(one), MAX_ITEM_CHARS))]
    if not items:
        logger.error("strategy_without_outline", answer_chars=len(text))
        raise LLMError("llm.no_outline")
    if len(items) > MAX_OUTLINE_ITEMS:
        logger.warning("strategy_outline_cut", items=len(items), kept=MAX_OUTLINE_ITEMS)
    topic = requirements.topic or "Your e-mail"
    return Strategy(
        subject_line=clean_line(subject or topic, MAX_SUBJECT_CHARS) or "Your e-mail",
        summary=clean_line(summary, MAX_SUMMARY_CHARS) or clean_line(f"An e-mail about {topic}.", MAX_SUMMARY_CHARS),
        outline=tuple(items[:MAX_OUTLINE_ITEMS]),
        tone=requirements.tone or "neutral",
        revision=revision,
    )


def _parts(answer: str) -> tuple[str, str, list[str]]:
    """Return subject, summary and outline as the answer has them, from JSON or from lines."""
    table = _answers.as_table(answer)
    if table is not None:
        subject = next(iter(_answers.texts(table.get("subject_line", table.get("subject")))), "")
        summary = " ".join(_answers.texts(table.get("summary")))
        return subject, summary, _answers.texts(table.get("outline", table.get("items")))
    labels: dict[str, str] = {}
    outline: list[str] = []
    for line in answer.split("\n"):
        known = _answers.labelled(line)
        item = _answers.bullet(line)
        if known is not None and known[0] in (*_SUBJECTS, *_SUMMARIES):
            labels.setdefault("subject" if known[0] in _SUBJECTS else "summary", known[1])
        elif item is not None:
            outline.append(item)
    return labels.get("subject", ""), labels.get("summary", ""), outline


def template_strategy(requirements: Requirements, revision: int, feedback: str | None = None) -> Strategy:
    """Return a plain plan that needs no model: an outline item for each key point, and one for the feedback."""
    topic = requirements.topic or "Your e-mail"
    taken_up = (f"Take up the feedback: {feedback}",) if feedback else ()
    outline = ("Introduce the topic", *requirements.key_points, *taken_up, "Close with the next step")
    return Strategy(
        subject_line=clean_line(f"{topic[:1].upper()}{topic[1:]}", MAX_SUBJECT_CHARS) or "Your e-mail",
        summary=clean_line(f"An e-mail to {requirements.audience or 'its readers'} about {topic}.", MAX_SUMMARY_CHARS),
        outline=tuple(clean_line(item, MAX_ITEM_CHARS) for item in outline),
        tone=requirements.tone or "neutral",
        revision=revision,
        source="template",
    )


def usable_feedback(feedback: str | None) -> str | None:
    """Return feedback as one bounded line; None where it asks for nothing in particular, as "no" does."""
    line = clean_line(feedback or "", MAX_FEEDBACK_CHARS)
    return None if line.strip(" .,!?").lower() in _BARE or not any(map(str.isalnum, line)) else line


class StrategyGenerator:
    """Plans e-mails with a language model, or from a template when the model fails.

    Under recovery give ``allow_fallback=False``: then a circuit sees the model's failures, and the fallback that is
    registered there takes the template's place.
    """

    def __init__(self, llm: LLMProvider, *, allow_fallback: bool = True) -> None:
        self._llm = llm
        self._allow_fallback = allow_fallback

    async def generate(
        self,
        requirements: Requirements,
        *,
        previous: Strategy | None = None,
        feedback: str | None = None,
        taken_up: bool = False,
    ) -> Strategy:
        """Return a strategy; a new version of `previous` when there is one.

        Args:
            requirements: What the e-mail must be.
            previous: The last strategy.
            feedback: What the user said to it.
            taken_up: Whether `requirements` have been changed by it; a model is told it all the same.

        Raises:
            PhaseError: The requirements are not complete.
            LLMError: The model failed and the template is not allowed.
        """
        if missing := requirements.missing():
            logger.warning("strategy_requirements_incomplete", missing=missing)
            raise PhaseError(f"requirements are incomplete: {', '.join(missing)}")
        revision = previous.revision + 1 if previous else 1
        wish = usable_feedback(feedback)
        try:
            response = await self._llm.complete(_request(requirements, wish, previous, taken_up=taken_up))
            strategy = parse_strategy(response.text, requirements, revision)
        except LLMError as error:
            if not self._allow_fallback:
                logger.error("strategy_failed", revision=revision, exc_info=error)  # noqa: TRY400 - it is raised on
                raise
            logger.warning("strategy_from_template", revision=revision, code=str(error), exc_info=error)
            return template_strategy(requirements, revision, None if taken_up else wish)
        if response.provider == SIMULATION:
            strategy = strategy.model_copy(update={"source": SIMULATION})
        logger.info(
            "strategy_generated",
            revision=revision,
            source=strategy.source,
            outline_items=len(strategy.outline),
            with_feedback=wish is not None,
        )
        return strategy


def corrected(strategy: Strategy, before: Requirements, after: Requirements) -> Strategy:
    """Return a strategy that has been approved, with what the requirements have become since."""
    changes: dict[str, object] = {}
    if after.tone != before.tone:
        changes["tone"] = after.tone
    if after.topic and after.topic != before.topic:
        changes["subject_line"] = clean_line(f"{after.topic[:1].upper()}{after.topic[1:]}", MAX_SUBJECT_CHARS)
    if after.key_points != before.key_points:
        kept = [item for item in strategy.outline if item not in before.key_points or item in after.key_points]
        kept[-1:-1] = [point for point in after.key_points if point not in (*before.key_points, *kept)]
        changes["outline"] = tuple(kept[:MAX_OUTLINE_ITEMS])
    return strategy.model_copy(update=changes)


def _request(
    requirements: Requirements, feedback: str | None, previous: Strategy | None, *, taken_up: bool
) -> LLMRequest:
    return LLMRequest(
        purpose=Purpose.STRATEGY,
        prompt=build_prompt(requirements, feedback, previous),
        variables={
            "topic": requirements.topic or "",
            "audience": requirements.audience or "",
            "tone": requirements.tone or "",
            "key_points": SEPARATOR.join(requirements.key_points),
            **({"feedback": feedback} if feedback and not taken_up else {}),
        },
    )
