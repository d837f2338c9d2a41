"""The words in which a strategy is shown and its approval is asked for."""

from __future__ import annotations

from universal_framework.contracts.state import Requirements, Strategy


def present_strategy(strategy: Strategy) -> str:
    """Return the strategy as a reply, with the question whether it fits."""
    outline = "\n".join(f"{number}. {item}" for number, item in enumerate(strategy.outline, start=1))
    return (
        f"Here is my plan (version {strategy.revision}).\n"
        f"{strategy.summary}\nSubject line: {strategy.subject_line}\n{outline}\n"
        "Does this fit, or shall I change something?"
    )


def ask_confirmation(requirements: Requirements, strategy: Strategy) -> str:
    """Return the last question before the e-mail is written."""
    return (
        f"Good. I will write a {strategy.tone} e-mail to {requirements.audience} "
        f"with {len(requirements.key_points)} key points and the subject line "
        f"'{strategy.subject_line}'. Shall I write it now?"
    )
