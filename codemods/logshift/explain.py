"""The whole chain for one place: where a logger is made, what is done with it, what would become of it, and why.

In: an analysis of one file and, where wanted, a line. Out: text.
"""

from __future__ import annotations

from logshift.engine import Analysis, FileResult, shown
from logshift.fit import Misfit
from logshift.judge import misfits
from logshift.migrate import migrate
from logshift.model import Binding, Reason, Use, UseKind
from logshift.plan.edits import Moved
from logshift.reasons import EXPLANATIONS
from logshift.report.style import Style
from logshift.report.summary import kind_of
from logshift.rules import all_rules
from logshift.source import Source

_USES_SHOWN = 12


def explain(analysis: Analysis, line: int | None, style: Style) -> str:
    """Return the explanation of every logger of the analysed file, or of those that concern `line`."""
    lines: list[str] = []
    outcomes = {outcome.path: outcome for outcome in migrate(analysis).outcomes}
    for file in analysis.files:
        source = Source(file.facts.path, file.data)
        held = misfits(file.facts, analysis.names.frameworks, analysis.target, analysis.project.missed_in)
        outcome = outcomes.get(file.facts.path)
        moved = {one.binding: one for one in outcome.plan.moved} if outcome is not None else {}
        for index, binding in enumerate(file.facts.bindings):
            uses = [use for use in file.facts.uses if index in use.bindings]
            if line is None or line in _lines(binding, uses, source):
                lines += _binding(binding, uses, held[index], moved.get(index), file, analysis, source, style)
                if outcome is not None and outcome.failed is not None and index in moved:
                    lines.append(f"  but: the proof “{outcome.failed.proof}” fails: {outcome.failed.detail}")
                lines.append("")
        for finding in file.findings:
            if finding.binding < 0 and line in (None, finding.start.line):
                lines += [f"{_at(file, finding.start.line, finding.start.column)} {finding.message}"]
                lines += [*(_reason(finding.reason) if finding.reason is not None else ()), ""]
        for one in file.suppressed:
            place = one.finding.start
            if one.finding.binding < 0 and line in (None, place.line):
                until = f" until {one.comment.until}" if one.comment.until else ""
                reason = f": {one.comment.reason}" if one.comment.reason else ""
                lines += [f"{_at(file, place.line, place.column)} {one.finding.message}"]
                lines += [f"  then: it is suppressed{until} by `{one.comment.text}`{reason}", ""]
    for left in analysis.unanalysed:
        lines.append(f"{shown(left.path)}:{left.line}:{left.column} was not analysed: {left.message}")
    if not lines:
        return "No logger is made or used here.\n"
    return "\n".join(lines).rstrip("\n") + "\n"


def _lines(binding: Binding, uses: list[Use], source: Source) -> set[int]:
    """Return every line that making and using the logger takes up."""
    spans = [binding.call, *(use.reference if use.call is None else use.call for use in uses)]
    return {
        line for span in spans for line in range(source.position(span.start).line, source.position(span.end).line + 1)
    }


def _binding(
    binding: Binding,
    uses: list[Use],
    held: Misfit | None,
    moved: Moved | None,
    file: FileResult,
    analysis: Analysis,
    source: Source,
    style: Style,
) -> list[str]:
    place = source.position(binding.call.start)
    kind = kind_of(binding, analysis)
    what = kind or ("configuration" if binding.configuration else "follows the pattern")
    scope = file.facts.scopes[binding.scope].qualname or "module"
    lines = [
        style.strong(f"{_at(file, place.line, place.column)} {binding.canonical.removeprefix(' = ')}"),
        f"  what: {what}, made in {scope}" + (" at import" if binding.import_time else " at run time"),
    ]
    for use in uses[:_USES_SHOWN]:
        at = source.position(use.reference.start)
        mark = "  ← holds it back" if held is not None and held.use == use else ""
        lines.append(f"  use:  line {at.line}: {_use(use)}{mark}")
    if len(uses) > _USES_SHOWN:
        lines.append(f"  use:  … and {len(uses) - _USES_SHOWN} more")
    if kind is None:
        lines.append(
            "  then: it stays as it is" + (", since it only configures logging" if binding.configuration else "")
        )
    elif held is not None:
        lines += _reason(held.reason, held.detail, unsafe=held.unsafe)
    elif moved is not None:
        how = "becomes" if moved.how == "replaced" else "is joined with the others into"
        lines.append(f'  then: it {how} {analysis.target.cls}("{moved.component}")')
    return lines


def _use(use: Use) -> str:
    name = use.text or "the logger"
    if use.kind is UseKind.CALL:
        return f"{name}.{use.member}(…)"
    if use.kind in (UseKind.READ, UseKind.WRITE):
        return f"{name}.{use.member} {'read' if use.kind is UseKind.READ else 'set'}"
    return f"{name} {use.context or use.kind}"


def _reason(reason: Reason, detail: str = "", *, unsafe: bool = False) -> list[str]:
    explanation = EXPLANATIONS[reason]
    told = f"{explanation.means} Here, {detail}." if detail else explanation.means
    return [
        f"  then: it stays{' without --unsafe-fixes' if unsafe else ''} ({reason}): {told}",
        f"  do:   {explanation.do}",
    ]


def _at(file: FileResult, line: int, column: int) -> str:
    return f"{shown(file.facts.path)}:{line}:{column}"


def rule_page(code: str) -> str | None:
    """Return the page of one rule, by code or name; None if there is no such rule."""
    for rule in all_rules():
        if code.upper() == rule.code or code.lower() == rule.name:
            return (
                f"# {rule.name} ({rule.code})\n\n## What it does\n\n{rule.what}\n\n"
                f"## Why is this bad?\n\n{rule.why}\n\n"
                f"## Example\n\n```python\n{rule.bad}```\n\nUse instead:\n\n```python\n{rule.good}```\n\n"
                f"## Fix safety\n\n{rule.safety}\n"
            )
    return None
