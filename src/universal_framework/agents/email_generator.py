"""Writing the e-mail from an approved strategy."""

from __future__ import annotations

from universal_framework.contracts.llm import LLMProvider, LLMRequest, Purpose
from universal_framework.contracts.state import EmailDraft, Requirements, Strategy
from universal_framework.errors import LLMError


def build_prompt(requirements: Requirements, strategy: Strategy, feedback: str | None) -> str:
    """Return the instruction for the model."""
    outline = "\n".join(f"- {item}" for item in strategy.outline)
    change = f"\nThe reader of the last draft asked for this change: {feedback}" if feedback else ""
    return (
        f"Write an e-mail to {requirements.audience} about {requirements.topic}.\n"
        f"Tone: {strategy.tone}. Begin with a line 'Subject: {strategy.subject_line}', "
        f"then an empty line, then the text.\nOutline:\n{outline}{change}"
    )


def parse_draft(text: str, strategy: Strategy) -> EmailDraft:
    """Return the e-mail in a model's answer.

    Raises:
        LLMError: the answer has no body.
    """
    head, _, rest = text.strip().partition("\n")
    if head.lower().startswith("subject:"):
        subject, body = head.split(":", 1)[1].strip(), rest.strip()
    else:
        subject, body = "", text.strip()
    if not body:
        raise LLMError("the model wrote an e-mail without a body")
    return EmailDraft(subject=subject or strategy.subject_line, body=body)


class EmailGenerator:
    """Writes e-mails with a language model; there is no template that could stand in for it."""

    def __init__(self, llm: LLMProvider) -> None:
        self._llm = llm

    async def generate(self, requirements: Requirements, strategy: Strategy, feedback: str | None = None) -> EmailDraft:
        """Return the finished e-mail.

        Raises:
            LLMError: the model did not write one.
        """
        variables = {
            "subject": strategy.subject_line,
            "audience": requirements.audience or "all",
            "topic": requirements.topic or strategy.subject_line,
            "tone": strategy.tone,
            "key_points": "; ".join(requirements.key_points),
        }
        if feedback:
            variables["feedback"] = feedback
        response = await self._llm.complete(
            LLMRequest(
                purpose=Purpose.EMAIL,
                prompt=build_prompt(requirements, strategy, feedback),
                variables=variables,
            )
        )
        return parse_draft(response.text, strategy)
