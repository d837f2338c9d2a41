"""The report of a migration for people: what moved, what was proved, what stays and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from logshift.engine import shown
from logshift.migrate import Migration, Outcome
from logshift.model import Reason
from logshift.prove import PROOFS
from logshift.reasons import EXPLANATIONS
from logshift.report.style import Style
from logshift.report.text import below_common_folder, columns, unanalysed_line
from logshift.source import Source


def render(migration: Migration, style: Style, *, undo: str | None) -> str:
    """Return what `migrate` prints when it has written; `undo` is the command that takes it back."""
    sections = [
        _table(migration, style) if migration.changed else [],
        [
            *_kept(migration, style),
            *_notes(migration),
            *(unanalysed_line(one, style) for one in migration.analysis.unanalysed),
        ],
        [*_proofs(migration, style), *_result(migration, style, undo)],
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _table(migration: Migration, style: Style) -> list[str]:
    cls = migration.analysis.target.cls
    files, names = below_common_folder([shown(outcome.path) for outcome in migration.changed])
    rows = [
        [
            name,
            f'{cls}("{outcome.plan.component}")',
            str(len(outcome.plan.moved)),
            str(len(outcome.plan.edits)),
        ]
        for name, outcome in zip(names, migration.changed, strict=True)
    ]
    edits = sum(len(outcome.plan.edits) for outcome in migration.changed)
    rows.append([_files(len(migration.changed)), "", str(migration.moved), str(edits)])
    return columns([files, "logger", "moved", "edits"], rows, style)


def _kept(migration: Migration, style: Style) -> list[str]:
    lines = []
    for outcome in migration.outcomes:
        for place, reason, detail in _places(outcome, migration):
            told = f" {detail}" if detail else f" {EXPLANATIONS[reason].means}"
            lines.append(f"{style.strong(place)} {style.yellow('kept')} ({reason}){told}")
    return lines


def _places(outcome: Outcome, migration: Migration) -> Iterator[tuple[str, Reason, str]]:
    source = Source(outcome.path, outcome.before)
    facts = next(file.facts for file in migration.analysis.files if file.facts.path == outcome.path)
    for one in outcome.kept:
        position = source.position(facts.bindings[one.binding].call.start)
        yield f"{shown(outcome.path)}:{position.line}:{position.column}", one.reason, one.detail


def _notes(migration: Migration) -> list[str]:
    notes = [*(note for outcome in migration.outcomes for note in outcome.plan.notes), *migration.notes]
    return [f"note: {note}" for note in notes]


def _proofs(migration: Migration, style: Style) -> list[str]:
    tried = [outcome for outcome in migration.outcomes if outcome.plan.edits]
    if not tried:
        return []
    lines = []
    failed = Counter(outcome.failed.proof for outcome in tried if outcome.failed is not None)
    for index, proof in enumerate(PROOFS):
        passed = sum(outcome.failed is None or outcome.proofs > index for outcome in tried)
        if passed or failed[proof]:
            mark = style.red("✗") if failed[proof] else style.green("✓")
            lines.append(f"  {mark} {proof} ({passed})")
    return [f"Proofs on {_files(len(tried))}:", *lines] if lines else []


def _result(migration: Migration, style: Style, undo: str | None) -> list[str]:
    if not migration.changed:
        return [style.green("Nothing to do.") if not migration.outcomes else "Nothing was written."]
    moved = f"{migration.moved} logger{'' if migration.moved == 1 else 's'} moved"
    lines = [style.green(f"{moved} in {_files(len(migration.changed))}.")]
    if undo is not None:
        lines.append(style.dim(f"Hint: `{undo}` restores every byte."))
    return lines


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"
