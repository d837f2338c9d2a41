"""The judgement: facts against rules.

In: the facts of one file, its source, and what counts as legacy. Out: findings in order of place, each with
what may be done about it and a fingerprint that survives moved lines, reformatting and renamed files; those that a
comment suppresses apart.
"""

from __future__ import annotations

from logshift.fit import Misfit, misfit, uses_by_binding
from logshift.frameworks import NODE, Framework, Target
from logshift.model import Binding, FileFacts, Finding, Judgement, NameKind, Reason, Suppressed
from logshift.rules import Found, Rule, View, all_rules
from logshift.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from logshift.suppress import Comment

    #: Says what another file of the project does that would miss a binding which moves.
    Elsewhere = Callable[[FileFacts, Binding], Misfit | None]


def nobody_minds(facts: FileFacts, binding: Binding) -> None:
    """Stand for a project that is not known."""


def misfits(
    facts: FileFacts, frameworks: dict[str, Framework], target: Target, elsewhere: Elsewhere = nobody_minds
) -> tuple[Misfit | None, ...]:
    """Return for each binding what keeps it from moving; `elsewhere` says what other files do.

    Bindings that meet in one name stay together: what holds one back holds them all.
    """
    uses = uses_by_binding(len(facts.bindings), facts.uses)
    held = [
        misfit(binding, uses[index], frameworks[binding.framework], target.framework.contract)
        or _misfit_elsewhere(binding, facts, target, elsewhere)
        for index, binding in enumerate(facts.bindings)
    ]
    if facts.suppressions:
        held = _hold_suppressed(held, facts, frameworks, target)
    return spread(held, facts, frameworks)


def _hold_suppressed(
    held: list[Misfit | None], facts: FileFacts, frameworks: dict[str, Framework], target: Target
) -> list[Misfit | None]:
    """Hold back the loggers that a comment speaks for, whatever else there is to say of them."""
    from logshift.suppress import comments, holding

    written = comments(facts.suppressions, all_rules())
    view = View(frameworks, target, tuple(held))
    by: dict[int, Comment] = {}
    for rule, one in _found(facts, view):
        if one.binding >= 0 and (comment := holding(written, rule.code, one.span)) is not None:
            by[one.binding] = comment
    return [
        own if index not in by else Misfit(Reason.SUPPRESSED, detail=_said_by(by[index]))
        for index, own in enumerate(held)
    ]


def _said_by(comment: Comment) -> str:
    until = f" until {comment.written.until}" if comment.written.until else ""
    return f"it is suppressed{until}: {comment.written.reason}" if comment.written.reason or until else ""


def spread(held: list[Misfit | None], facts: FileFacts, frameworks: dict[str, Framework]) -> tuple[Misfit | None, ...]:
    """Return `held` with those that have to stay because another one does."""
    held = list(held)
    _hold_namesakes(held, facts, frameworks)
    for group in _meeting(facts):
        reasons = [one for index in sorted(group) if (one := held[index]) is not None]
        reason = min(reasons, key=lambda one: one.unsafe, default=None)
        for index in group:
            own = held[index]
            held[index] = reason if own is None or own.unsafe else own
    return tuple(held)


def _misfit_elsewhere(binding: Binding, facts: FileFacts, target: Target, elsewhere: Elsewhere) -> Misfit | None:
    if binding.configuration or binding.framework == target.framework.key:
        return None
    return elsewhere(facts, binding)


def node_of(binding: Binding, facts: FileFacts, frameworks: dict[str, Framework]) -> str | None:
    """Return the name in the logging tree under which a binding is known; None where it has none that is certain."""
    if frameworks[binding.framework].name_means != NODE:
        return None
    module = facts.module.removesuffix(".__init__")
    return {NameKind.MODULE: module, NameKind.LITERAL: binding.name.text}.get(binding.name.kind)


def _hold_namesakes(held: list[Misfit | None], facts: FileFacts, frameworks: dict[str, Framework]) -> None:
    """Hold back the loggers of a name that another is compared under: they are one object, and stay one."""
    nodes = [node_of(binding, facts, frameworks) for binding in facts.bindings]
    compared = {
        node
        for node, one in zip(nodes, held, strict=True)
        if node is not None and one is not None and one.reason is Reason.COMPARED_BY_IDENTITY
    }
    for index, node in enumerate(nodes):
        own = held[index]
        if (own is None or own.unsafe) and node in compared:
            held[index] = Misfit(Reason.COMPARED_BY_IDENTITY)


def _meeting(facts: FileFacts) -> list[set[int]]:
    """Return the bindings that meet: those that one use may see, or that bind one name."""
    groups: list[set[int]] = [set(use.bindings) for use in facts.uses if len(use.bindings) > 1]
    names: dict[tuple[int, str], set[int]] = {}
    for index, binding in enumerate(facts.bindings):
        for target in binding.targets:
            names.setdefault((binding.scope if "." not in target else -1, target), set()).add(index)
    joined: dict[int, set[int]] = {}  # the group of each binding that meets another
    for group in [*groups, *(found for (scope, _), found in names.items() if scope >= 0)]:
        if len(group) < 2:
            continue
        meeting = {id(one): one for index in group if (one := joined.get(index)) is not None}
        widest = max(meeting.values(), key=len, default=group)
        for other in [group, *meeting.values()]:
            if other is not widest and not other <= widest:
                widest |= other
                joined.update(dict.fromkeys(other, widest))
        joined.update(dict.fromkeys(group, widest))
    return list({id(one): one for one in joined.values()}.values())


def judge(
    facts: FileFacts,
    source: Source,
    frameworks: dict[str, Framework],
    target: Target,
    elsewhere: Elsewhere = nobody_minds,
    *,
    require_reason: bool = False,
) -> Judgement:
    """Return what the rules find in one file; with `require_reason` a suppression has to say why it is there."""
    view = View(frameworks, target, misfits(facts, frameworks, target, elsewhere))
    found = _found(facts, view)
    if not facts.suppressions:
        return Judgement(_findings(found, facts, source))
    from logshift.suppress import comments, holding, used

    written = comments(facts.suppressions, all_rules())
    said = used(written, ((rule.code, one.span) for rule, one in found))
    about = _found(facts, view._replace(comments=said, require_reason=require_reason), on_comments=True)
    findings = _findings(_in_order([*found, *about]), facts, source)
    by = {(one.code, one.span): holding(said, one.code, one.span) for one in findings}
    return Judgement(
        tuple(one for one in findings if by[one.code, one.span] is None),
        tuple(Suppressed(one, comment.written) for one in findings if (comment := by[one.code, one.span]) is not None),
    )


def _found(facts: FileFacts, view: View, *, on_comments: bool = False) -> list[tuple[Rule, Found]]:
    return _in_order(
        [(rule, one) for rule in all_rules() if rule.on_comments is on_comments for one in rule.check(facts, view)]
    )


def _in_order(found: list[tuple[Rule, Found]]) -> list[tuple[Rule, Found]]:
    return sorted(found, key=lambda pair: (pair[1].span, pair[0].code))


def _findings(found: list[tuple[Rule, Found]], facts: FileFacts, source: Source) -> tuple[Finding, ...]:
    findings = []
    seen: dict[tuple[str, str, str], int] = {}
    for rule, one in found:
        scope = facts.scopes[one.scope].qualname
        key = (rule.code, scope, one.canonical)
        ordinal = seen[key] = seen.get(key, -1) + 1
        findings.append(
            Finding(
                code=rule.code,
                name=rule.name,
                message=one.message,
                path=facts.path,
                span=one.span,
                start=source.position(one.span.start),
                end=source.position(one.span.end),
                applicability=one.applicability,
                reason=one.reason,
                scope=scope,
                fingerprint=_fingerprint(*key, ordinal),
                binding=one.binding,
            )
        )
    return tuple(findings)


def _fingerprint(code: str, scope: str, canonical: str, ordinal: int) -> str:
    from hashlib import sha256

    return sha256("\0".join((code, scope, canonical, str(ordinal))).encode()).hexdigest()[:16]
