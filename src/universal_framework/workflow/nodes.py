"""Simulations of the four agents: what they can do without a language model.

In: the state of a workflow, of any kind. Out: another state of the same kind. No network, no language model, no
randomness; what the state has no place for is kept in ``context_data["simulation"]``. Recovery falls back on these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from universal_framework.workflow import _states

S = TypeVar("S")

_LABELLED: Final = re.compile(
    r"\b(topic|subject|audience|to|tone|key points|points)[ \t]*:[ \t]*([^\n;.]*)", re.IGNORECASE
)
_ABOUT: Final = re.compile(r"\b(?:about|announcing|regarding|concerning)[ \t]+([^\n.!?;,]{1,120})", re.IGNORECASE)
_NAMES: Final = {"subject": "topic", "to": "audience", "key points": "key_points", "points": "key_points"}

#: How much of the last message is read.
_READ_CHARS: Final = 20_000


async def batch_requirements_collector(state: S) -> S:
    """Return `state` with the requirements that its last message names; what it does not name stays as it was."""
    found = dict(_plain(_states.read(state, "requirements")))
    text = _last_text(state)
    about = _ABOUT.search(text)
    if about is not None:
        found.setdefault("topic", about[1].strip())
    for label, value in _LABELLED.findall(text):
        name = _NAMES.get(label.lower(), label.lower())
        if value.strip():
            found[name] = _points(value) if name == "key_points" else value.strip()
    return _with_simulated(state, "requirements", {key: value for key, value in found.items() if value})


async def strategy_generator(state: S) -> S:
    """Return `state` with a strategy from a template: a subject line, a summary, one item for each key point."""
    needs = _known(state, "requirements")
    topic = str(needs.get("topic") or "your e-mail")
    points = needs.get("key_points") or ()
    strategy = {
        "subject_line": f"{topic[:1].upper()}{topic[1:]}"[:120],
        "summary": f"An e-mail to {needs.get('audience') or 'its readers'} about {topic}.",
        "outline": ("Introduce the topic", *(str(one) for one in points), "Close with the next step"),
        "tone": str(needs.get("tone") or "neutral"),
        "source": "simulation",
    }
    return _with_simulated(state, "strategy", strategy)


async def strategy_confirmation_handler(state: S) -> S:
    """Return `state` with the question for approval; a simulation approves nothing in the user's place."""
    strategy = _known(state, "strategy")
    question = f"Shall I write the e-mail with the subject line '{strategy.get('subject_line') or 'as discussed'}'?"
    return _with_simulated(state, "confirmation", {"confirmed": False, "question": question})


async def enhanced_email_generator(state: S) -> S:
    """Return `state` with an e-mail from a template, along the outline of its strategy."""
    needs, strategy = _known(state, "requirements"), _known(state, "strategy")
    subject = str(strategy.get("subject_line") or needs.get("topic") or "Your e-mail")
    lines = [str(one) for one in (needs.get("key_points") or ())]
    body = "\n".join(
        [f"Hello {needs.get('audience') or 'all'},", "", *(f"- {line}" for line in lines), "", "Best regards"]
    )
    return _with_simulated(state, "email", {"subject": subject, "body": body})


def _plain(value: object) -> Mapping[str, Any]:
    """Return what `value` holds by name; nothing where it is no table."""
    try:
        return {} if value is None else _states.values(value)
    except TypeError:
        return {}


def _known(state: object, key: str) -> Mapping[str, Any]:
    """Return what the state knows under `key`, at its place or from a simulation before."""
    simulated = _states.table(_states.table(state, "context_data"), "simulation")
    own = {name: value for name, value in _plain(_states.read(state, key)).items() if value}
    return {**_plain(simulated.get(key)), **own}


def _last_text(state: object) -> str:
    messages = _states.read(state, "messages")
    if not isinstance(messages, list | tuple) or not messages:
        return ""
    last = messages[-1]
    content = last if isinstance(last, str) else _states.read(last, "content")
    return content[:_READ_CHARS] if isinstance(content, str) else ""


def _points(text: str) -> tuple[str, ...]:
    return tuple(part.strip(" -*\t") for part in text.split(",") if part.strip(" -*\t"))


def _with_simulated(state: S, key: str, value: Mapping[str, Any]) -> S:
    context = _states.table(state, "context_data")
    context["simulation"] = {**_states.table(context, "simulation"), key: dict(value)}
    return _states.with_updates(state, _states.fitted(state, {key: dict(value), "context_data": context}))
