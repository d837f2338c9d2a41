"""The words in which a strategy is shown and its approval is asked for."""

from __future__ import annotations

from universal_framework.contracts.state import Requirements, Strategy


def present_strategy(strategy: Strategy) -> str:
    """Return the strategy as a reply, with the question whether it fits."""
    outline = "\n".join(f"{number}. {item}" for number, item in enumerate(strategy.outline, start=1))
    return (
        f"Here is my plan (version {strategy.revision}).\n"
        f"{strategy.summary}\nSubject line: {strategy.subject_line}\nTone: {strategy.tone}\n{outline}\n"
        "Does this fit, or shall I change something?"
    )


def ask_confirmation(requirements: Requirements, strategy: Strategy) -> str:
    """Return the last question before the e-mail is written."""
    count = len(requirements.key_points)
    article = "an" if strategy.tone[:1].lower() in set("aeiou") else "a"
    return (
        f"Good. I will write {article} {strategy.tone} e-mail to {requirements.audience or 'its readers'} "
        f"with {count} key point{'' if count == 1 else 's'} and the subject line "
        f"'{strategy.subject_line}'. Shall I write it now?"
    )
