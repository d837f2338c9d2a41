"""The judgement: facts against rules.

In: the facts of one file, its source, and what counts as legacy. Out: findings in order of place, each with
what may be done about it and a fingerprint that survives moved lines, reformatting and renamed files.
"""

from __future__ import annotations

from logshift.fit import Misfit, misfit
from logshift.frameworks import NODE, Framework, Target
from logshift.model import Binding, FileFacts, Finding, NameKind, Reason
from logshift.rules import Found, Rule, View, all_rules
from logshift.source import Source


def misfits(facts: FileFacts, frameworks: dict[str, Framework], target: Target) -> tuple[Misfit | None, ...]:
    """Return for each binding what keeps it from moving.

    Bindings that meet in one name stay together: what holds one back holds them all.
    """
    held = [
        misfit(
            binding,
            (use for use in facts.uses if index in use.bindings),
            frameworks[binding.framework],
            target.framework.contract,
        )
        for index, binding in enumerate(facts.bindings)
    ]
    return spread(held, facts, frameworks)


def spread(held: list[Misfit | None], facts: FileFacts, frameworks: dict[str, Framework]) -> tuple[Misfit | None, ...]:
    """Return `held` with those that have to stay because another one does."""
    held = list(held)
    _hold_namesakes(held, facts, frameworks)
    for group in _meeting(facts):
        reason = next((held[index] for index in group if held[index] is not None), None)
        for index in group:
            held[index] = held[index] or reason
    return tuple(held)


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
        if held[index] is None and node in compared:
            held[index] = Misfit(Reason.COMPARED_BY_IDENTITY)


def _meeting(facts: FileFacts) -> list[set[int]]:
    """Return the bindings that meet: those that one use may see, or that bind one name."""
    groups: list[set[int]] = [set(use.bindings) for use in facts.uses]
    names: dict[tuple[int, str], set[int]] = {}
    for index, binding in enumerate(facts.bindings):
        for target in binding.targets:
            names.setdefault((binding.scope if "." not in target else -1, target), set()).add(index)
    joined: list[set[int]] = []
    for group in [*groups, *(found for (scope, _), found in names.items() if scope >= 0)]:
        if len(group) < 2:
            continue
        apart = [other for other in joined if not other & group]
        joined = [*apart, group.union(*(other for other in joined if other & group))]
    return joined


def judge(facts: FileFacts, source: Source, frameworks: dict[str, Framework], target: Target) -> tuple[Finding, ...]:
    """Return what the rules find in one file."""
    held = misfits(facts, frameworks, target)
    view = View(frameworks, target, tuple(one.reason if one is not None else None for one in held))
    found = [(rule, one) for rule in all_rules() for one in rule.check(facts, view)]
    found.sort(key=lambda pair: (pair[1].span, pair[0].code))
    return tuple(_findings(found, facts, source))


def _findings(found: list[tuple[Rule, Found]], facts: FileFacts, source: Source) -> list[Finding]:
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
    return findings


def _fingerprint(code: str, scope: str, canonical: str, ordinal: int) -> str:
    from hashlib import sha256

    return sha256("\0".join((code, scope, canonical, str(ordinal))).encode()).hexdigest()[:16]
