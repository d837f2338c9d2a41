"""Writing the e-mail from an approved strategy.

In: requirements, strategy, what the user said to the last draft. Out: an `EmailDraft` with a subject in one line and a
bounded body, marked with who wrote it: ``llm``, ``simulation`` (no model was asked) or ``template`` (the model
failed). Never: an instruction taken from a requirement, a control character.
"""

from __future__ import annotations

from typing import Final

from universal_framework.agents import _answers
from universal_framework.agents._text import clean_line, clean_text, quoted
from universal_framework.agents.strategy_generator import MAX_SUBJECT_CHARS, usable_feedback
from universal_framework.contracts.llm import SIMULATION, LLMProvider, LLMRequest, Purpose
from universal_framework.contracts.state import EmailDraft, Requirements, Strategy
from universal_framework.errors import LLMError
from universal_framework.llm.simulation import SEPARATOR, write_email
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("email_generator")

MAX_BODY_CHARS: Final = 20_000
#: Of the last draft, what the model is shown.
_MAX_SHOWN_CHARS: Final = 6_000
#: Of an answer's first lines, those among which the subject is looked for: models like to introduce themselves.
_PREFACE_LINES: Final = 4
_SUBJECTS: Final = ("subject", "subject line", "betreff")


def build_prompt(
    requirements: Requirements, strategy: Strategy, feedback: str | None, previous: EmailDraft | None = None
) -> str:
    """Return the instruction for the model; what the user said stands in it as quoted data."""
    outline = "\n".join(f"- {quoted(item)}" for item in strategy.outline)
    points = "\n".join(f"- {quoted(point)}" for point in requirements.key_points)
    change = f"\nThe reader of the last draft asks for this change: {quoted(feedback)}" if feedback else ""
    if change and previous is not None:
        change = f"\nThe last draft, which the change is to be made in: {quoted(_shown(previous))}{change}"
    return (
        f"Write an e-mail to {quoted(requirements.audience or 'all')} about {quoted(requirements.topic or '')}.\n"
        f"Tone: {quoted(strategy.tone)}. Begin with a line 'Subject: …' for {quoted(strategy.subject_line)}, "
        f"then an empty line, then the text.\nOutline:\n{outline}\nIt must say:\n{points}{change}"
    )


def _shown(draft: EmailDraft) -> str:
    return f"Subject: {draft.subject}\n\n{draft.body}"[:_MAX_SHOWN_CHARS]


def parse_draft(text: str, strategy: Strategy) -> EmailDraft:
    """Return the e-mail in a model's answer.

    Raises:
        LLMError: `llm.no_body`: the answer has no body.
    """
    answer = _answers.without_fences(clean_text(text, MAX_BODY_CHARS))
    subject, body = _parts(answer)
    body = clean_text(body, MAX_BODY_CHARS)
    if not body:
        logger.error("email_without_body", answer_chars=len(text))
        raise LLMError("llm.no_body")
    line = clean_line(subject, MAX_SUBJECT_CHARS) or clean_line(strategy.subject_line, MAX_SUBJECT_CHARS)
    return EmailDraft(subject=line or "Your e-mail", body=body)


def _parts(answer: str) -> tuple[str, str]:
    """Return subject and body as the answer has them; a preface before the subject is nobody's."""
    table = _answers.as_table(answer)
    if table is not None:
        subject, body = table.get("subject"), table.get("body", table.get("text"))
        if isinstance(body, str):
            return (subject if isinstance(subject, str) else ""), body
    lines = answer.split("\n")
    for number, line in enumerate(lines[:_PREFACE_LINES]):
        known = _answers.labelled(line)
        if known is not None and known[0] in _SUBJECTS:
            rest = lines[number + 1 :]
            if rest and (next_label := _answers.labelled(rest[0])) and next_label[0] == "body":
                rest[0] = next_label[1]
            return known[1], "\n".join(rest)
    return "", answer


def template_email(requirements: Requirements, strategy: Strategy, feedback: str | None = None) -> EmailDraft:
    """Return a plain e-mail that needs no model: the key points between a greeting and a close."""
    draft = parse_draft(write_email(_variables(requirements, strategy, usable_feedback(feedback))), strategy)
    return draft.model_copy(update={"source": "template"})


class EmailGenerator:
    """Writes e-mails with a language model, or from a template when the model fails.

    Under recovery give ``allow_fallback=False``: then a circuit sees the model's failures, and the fallback that is
    registered there takes the template's place.
    """

    def __init__(self, llm: LLMProvider, *, allow_fallback: bool = True) -> None:
        self._llm = llm
        self._allow_fallback = allow_fallback

    async def generate(
        self,
        requirements: Requirements,
        strategy: Strategy,
        feedback: str | None = None,
        *,
        previous: EmailDraft | None = None,
        taken_up: bool = False,
    ) -> EmailDraft:
        """Return the finished e-mail.

        Args:
            requirements: What it must be.
            strategy: The plan that was approved.
            feedback: What the user said to the last draft.
            previous: That draft; a model makes the change in it.
            taken_up: Whether `requirements` and `strategy` have been changed by the feedback; a model is told it all
                the same.

        Raises:
            LLMError: The model did not write one and the template is not allowed.
        """
        wish = usable_feedback(feedback)
        told = None if taken_up else wish
        request = LLMRequest(
            purpose=Purpose.EMAIL,
            prompt=build_prompt(requirements, strategy, wish, previous),
            variables=_variables(requirements, strategy, told),
        )
        try:
            response = await self._llm.complete(request)
            draft = parse_draft(response.text, strategy)
        except LLMError as error:
            if not self._allow_fallback:
                logger.error("email_failed", exc_info=error)  # noqa: TRY400 - it is raised on
                raise
            logger.warning("email_from_template", code=str(error), exc_info=error)
            return template_email(requirements, strategy, told)
        if response.provider == SIMULATION:
            draft = draft.model_copy(update={"source": SIMULATION})
        logger.info("email_generated", source=draft.source, words=draft.word_count, with_feedback=wish is not None)
        return draft


def _variables(requirements: Requirements, strategy: Strategy, feedback: str | None) -> dict[str, str]:
    return {
        "subject": strategy.subject_line,
        "audience": requirements.audience or "all",
        "topic": requirements.topic or strategy.subject_line,
        "tone": strategy.tone,
        "key_points": SEPARATOR.join(requirements.key_points or strategy.outline),
        **({"feedback": feedback} if feedback else {}),
    }
