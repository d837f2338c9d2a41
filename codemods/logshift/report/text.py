"""The report for people: a line for each finding, a table by file and component, one line that sums up."""

from __future__ import annotations

from logshift.engine import Analysis, FileResult, shown
from logshift.model import Applicability, Finding, Unanalysed
from logshift.report.style import Style
from logshift.report.summary import (
    HELPER,
    KINDS,
    STDLIB,
    STRUCTLOG,
    STRUCTLOG_COMPUTED,
    STRUCTLOG_LITERAL,
    STRUCTLOG_MODULE,
    Counts,
    configuring,
    count,
    count_file,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TABLE_ROWS = 40
#: What a column of loggers is headed with; the full names of the kinds would fill a screen.
_HEADS = {
    STDLIB: "logging.\ngetLogger",
    STRUCTLOG: "structlog\n()",
    STRUCTLOG_MODULE: "structlog\n(__name__)",
    STRUCTLOG_LITERAL: 'structlog\n("…")',
    STRUCTLOG_COMPUTED: "structlog\n(…)",
    HELPER: "helper",
}


def concise(file: FileResult, style: Style) -> Iterable[str]:
    """Return a line for each finding of a file."""
    return [finding_line(finding, style) for finding in file.findings]


def render(
    analysis: Analysis,
    style: Style,
    *,
    statistics: bool,
    findings: Callable[[FileResult, Style], Iterable[str]] = concise,
) -> str:
    """Return what `check` prints; with `statistics` the figures alone, else `findings` tells of each file."""
    lines: list[str] = []
    if not statistics:
        lines += [line for file in analysis.files for line in findings(file, style)]
    lines += [unanalysed_line(one, style) for one in analysis.unanalysed]
    total = count(analysis)
    if total.legacy:
        if lines:
            lines.append("")
        lines += table(analysis, total, style, rows=None if statistics else _TABLE_ROWS)
    if lines:
        lines.append("")
    lines += summary(analysis, total, style)
    return "\n".join(lines) + "\n"


def finding_line(finding: Finding, style: Style) -> str:
    """Return ``path:line:column CODE [applicability] message``."""
    place = f"{shown(finding.path)}:{finding.start.line}:{finding.start.column}"
    code = style.strong(style.red(finding.code))
    held = f" ({finding.reason})" if finding.reason is not None else ""
    return f"{style.strong(place)} {code} [{style.applicability(finding.applicability)}] {finding.message}{held}"


def unanalysed_line(one: Unanalysed, style: Style) -> str:
    """Return where a file could not be read, and why."""
    return f"{style.strong(f'{shown(one.path)}:{one.line}:{one.column}')} {style.red('not analysed')} {one.message}"


def table(analysis: Analysis, total: Counts, style: Style, *, rows: int | None) -> list[str]:
    """Return the loggers of every file that has legacy ones, by kind."""
    counted = [(file, count_file(file, analysis)) for file in analysis.files]
    counted = [(file, counts) for file, counts in counted if counts.legacy]
    used = [index for index, number in enumerate(total.kinds) if number]
    files, names = below_common_folder([shown(file.facts.path) for file, _ in counted[:rows]])
    head = [files, "component", *(_HEADS[KINDS[index]] for index in used), "legacy"]
    body = [
        [
            name,
            analysis.project.component(file.facts.path),
            *(str(counts.kinds[index] or "·") for index in used),
            str(counts.legacy),
        ]
        for name, (file, counts) in zip(names, counted, strict=False)
    ]
    foot = [_number(len(counted), "file"), "", *(str(total.kinds[index]) for index in used), str(total.legacy)]
    lines = columns(head, [*body, foot], style)
    left_out = len(counted) - len(body)
    if left_out:
        lines.insert(-1, f"… and {_number(left_out, 'more file')} (--statistics shows all)")
    return lines


def below_common_folder(paths: list[str]) -> tuple[str, list[str]]:
    """Return the head of a column of files, and the files as they are called below their common folder."""
    folders = [path.split("/")[:-1] for path in paths]
    depth = 0
    while len(paths) > 1 and len({tuple(parts[: depth + 1]) for parts in folders}) == 1 and depth < len(folders[0]):
        depth += 1
    common = "/".join(folders[0][:depth]) if paths else ""
    if not common:
        return "file", paths
    return f"file\n(below {common})", [path[len(common) + 1 :] for path in paths]


def columns(head: list[str], rows: list[list[str]], style: Style) -> list[str]:
    """Return aligned text: the first two columns to the left, figures to the right, head and last row strong.

    A cell of the head may have two lines.
    """
    lines = max(cell.count("\n") for cell in head) + 1
    heads = [cell.rjust(len(cell) + lines - 1 - cell.count("\n"), "\n").split("\n") for cell in head]
    table = [[cell[line] for cell in heads] for line in range(lines)] + rows
    widths = [max(len(row[index]) for row in table) for index in range(len(head))]
    told = [
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return [*map(style.strong, told[:lines]), *told[lines:-1], style.strong(told[-1])]


def summary(analysis: Analysis, total: Counts, style: Style) -> list[str]:
    """Return the figures that matter, and a hint at the next step."""
    findings = analysis.findings
    by = {kind: sum(one.applicability is kind for one in findings) for kind in Applicability}
    told = ", ".join(f"{number} {kind}" for kind, number in by.items() if number)
    verdict = style.red if total.legacy else style.green
    lines = [
        verdict(f"{_number(total.legacy, 'legacy logger')}")
        + f" in {_number(analysis.checked, 'file')}"
        + (f"; {_number(len(findings), 'finding')} ({told})" if findings else "")
        + "."
    ]
    lines.append(
        f"Compliance: {style.strong(f'{total.percentage:.1f} %')} "
        f"({total.compliant} of {total.bindings} loggers follow the pattern{_apart(analysis)})."
    )
    lines += set_apart(analysis)
    lines += _left_out(analysis)
    lines += gate_lines(analysis, style)
    if by[Applicability.SAFE]:
        lines.append(style.dim("Hint: `logshift migrate --diff` shows what would change, `logshift migrate` does it."))
    elif by[Applicability.UNSAFE]:
        lines.append(style.dim("Hint: `logshift migrate --diff --unsafe-fixes` shows what would change."))
    elif by[Applicability.MANUAL]:
        lines.append(style.dim("Hint: `logshift explain PATH:LINE` says what holds a logger back, and what to do."))
    return lines


def _apart(analysis: Analysis) -> str:
    number = configuring(analysis)
    return f"; {number} that only configure logging are counted apart" if number else ""


def set_apart(analysis: Analysis) -> Iterable[str]:
    """Yield how many findings do not count, and why."""
    branch = analysis.gate.branch if analysis.gate is not None else None
    since = f" on lines that the branch has not added since {branch.base[:10]}" if branch is not None else ""
    parts = [
        f"{number} {what}"
        for number, what in (
            (len(analysis.known), "in the baseline"),
            (len(analysis.suppressed), "suppressed by comments"),
            (analysis.outside, since.strip()),
        )
        if number
    ]
    if parts:
        yield f"Not counted: {', '.join(parts)}."


def gate_lines(analysis: Analysis, style: Style) -> list[str]:
    """Return what came of the figures and files that findings were held against; nothing where there were none."""
    gate = analysis.gate
    if gate is None:
        return []
    lines = [f"{style.red('Failed')}: {one}." for one in gate.missed]
    if analysis.findings and not gate.findings_fail and not gate.missed:
        lines.append("The findings do not fail: the figures that were asked for hold.")
    if gate.baseline is not None and gate.baseline.gone:
        number = len(gate.baseline.gone)
        lines.append(
            f"{gate.baseline.file} has {_entries(number)} that nothing is found of any more: "
            "`logshift baseline prune` takes them out."
        )
    if gate.ratchet is not None and gate.ratchet.fallen:
        fewer = sum(allowed - one.findings for one, allowed in gate.ratchet.fallen)
        lines.append(f"{gate.ratchet.file} allows {fewer} more than there are: `logshift ratchet update` lowers it.")
    return lines


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _left_out(analysis: Analysis) -> Iterable[str]:
    excluded = analysis.excluded
    parts = [
        f"{number} {what}"
        for number, what in (
            (excluded.by_pattern, "by pattern"),
            (excluded.by_git, "that git ignores"),
            (excluded.generated, "generated"),
        )
        if number
    ]
    if parts:
        yield f"Left out: {', '.join(parts)}."
    if analysis.unanalysed:
        yield f"Not analysed: {_number(len(analysis.unanalysed), 'file')}."


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
