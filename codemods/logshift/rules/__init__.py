"""The rules: one small module each, found by its place in this package.

A rule says what it allows to stand and why that is bad, shows a bad and a good example – which are its tests
and its page – and checks the facts of one file. Its name reads well after "allow".
"""

from __future__ import annotations

from logshift._record import NamedTuple
from logshift.fit import Misfit
from logshift.frameworks import Framework, Target
from logshift.model import Applicability, Binding, FileFacts, Reason, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logshift.suppress import Comment


class Found(NamedTuple):
    """What a rule found: the place, what to say, and what may be done."""

    span: Span
    message: str
    applicability: Applicability
    reason: Reason | None
    scope: int
    canonical: str
    binding: int = -1


class View(NamedTuple):
    """What a rule may look at besides the facts."""

    frameworks: dict[str, Framework]
    target: Target
    misfits: tuple[Misfit | None, ...]  # by binding
    comments: tuple[Comment, ...] = ()  # those that suppress findings, once it is known which
    require_reason: bool = False  # whether each of them has to say why


class Rule(NamedTuple):
    """One rule, and everything there is to say about it."""

    code: str
    name: str
    what: str
    why: str
    bad: str
    good: str
    safety: str
    check: Callable[[FileFacts, View], Iterator[Found]]
    on_comments: bool = False  # about suppression comments: it comes last, and nothing suppresses it


def is_legacy(binding: Binding, view: View) -> bool:
    """Say whether `binding` makes a logger that should move."""
    return not binding.configuration and binding.framework != view.target.framework.key


def bindings_of(framework: str, facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield a finding for each legacy logger of one kind of framework."""
    for index, binding in enumerate(facts.bindings):
        if not is_legacy(binding, view) or view.frameworks[binding.framework].name != framework:
            continue
        held = view.misfits[index]
        detail = f"; {held.detail}" if held is not None and held.detail else ""
        yield Found(
            span=binding.call,
            message=f"legacy logger: `{_shown(binding)}`{detail}",
            applicability=_applicability(held),
            reason=held.reason if held is not None else None,
            scope=binding.scope,
            canonical=binding.canonical,
            binding=index,
        )


def on_comment(comment: Comment, message: str) -> Found:
    """Return a finding about a suppression comment."""
    return Found(
        span=comment.written.span,
        message=message,
        applicability=Applicability.MANUAL,
        reason=None,
        scope=0,
        canonical=comment.written.text,
    )


def _applicability(held: Misfit | None) -> Applicability:
    if held is None:
        return Applicability.SAFE
    return Applicability.UNSAFE if held.unsafe else Applicability.MANUAL


def _shown(binding: Binding) -> str:
    return binding.canonical.removeprefix(" = ")


def all_rules() -> tuple[Rule, ...]:
    """Return every rule, by code."""
    from logshift.rules import (
        expired_suppression,
        helper_logger,
        invalid_suppression,
        logger_factory_reference,
        root_logger_call,
        stdlib_logger,
        structlog_logger,
        unreasoned_suppression,
        unused_suppression,
    )

    modules = (
        stdlib_logger,
        structlog_logger,
        helper_logger,
        root_logger_call,
        logger_factory_reference,
        unused_suppression,
        unreasoned_suppression,
        expired_suppression,
        invalid_suppression,
    )
    return tuple(sorted((module.RULE for module in modules), key=lambda rule: rule.code))
