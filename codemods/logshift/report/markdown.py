"""Markdown, for the summary of a CI step or a comment on a change: figures, a table of files, the findings.

It keeps below the megabyte that GitHub allows for a step's summary: of very many findings the first are shown.
https://docs.github.com/actions/reference/workflow-commands-for-github-actions#adding-a-job-summary
"""

from __future__ import annotations

import re
from collections import Counter

from logshift.engine import Analysis, shown
from logshift.model import Applicability
from logshift.report.style import Style
from logshift.report.summary import KINDS, count, count_file
from logshift.report.text import gate_lines, set_apart

#: How many rows a table has at most.
_ROWS = 500

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#+!|~&-]")


def render(analysis: Analysis) -> str:
    """Return the report."""
    total = count(analysis)
    verdict = "❌" if analysis.fails or analysis.unanalysed else "✅"
    held = Counter(one.applicability for one in analysis.findings)
    by_applicability = ", ".join(f"{held[one]} {one}" for one in Applicability if held[one])
    figures = f"**{total.percentage:.1f} %** of {total.bindings} loggers follow the pattern"
    findings = f"{len(analysis.findings)} findings{f' ({by_applicability})' if by_applicability else ''}"
    lines = ["## logshift", "", f"{verdict} {figures}; {findings}."]
    about = [*set_apart(analysis), *gate_lines(analysis, Style(colour=False))]
    lines += [part for one in about for part in ("", _message(one))]
    if total.legacy:
        lines += ["", *_files(analysis)]
    if analysis.findings:
        lines += ["", *_findings(analysis)]
    if analysis.suppressed:
        lines += ["", *_suppressed(analysis)]
    if analysis.unanalysed:
        lines += ["", "### Not analysed", "", "| place | why |", "|---|---|"]
        rows = [f"| {_code(f'{shown(one.path)}:{one.line}')} | {_plain(one.message)} |" for one in analysis.unanalysed]
        lines += _shortened(rows, "| … | {} more |")
    if analysis.findings:
        lines += ["", "`logshift migrate --diff` shows what would change, `logshift explain PLACE` why a logger stays."]
    return "\n".join(lines) + "\n"


def _files(analysis: Analysis) -> list[str]:
    counted = [(file, count_file(file, analysis)) for file in analysis.files]
    counted = [(file, counts) for file, counts in counted if counts.legacy]
    total = count(analysis)
    used = [index for index, number in enumerate(total.kinds) if number]
    rows = [
        "| "
        + " | ".join(
            (
                _code(shown(file.facts.path)),
                _plain(analysis.project.component(file.facts.path)),
                *(str(counts.kinds[index] or "·") for index in used),
                str(counts.legacy),
            )
        )
        + " |"
        for file, counts in counted
    ]
    head = ["file", "component", *(_plain(KINDS[index]) for index in used), "legacy"]
    rule = ["---", "---", *("---:" for _ in used), "---:"]
    more = "| … {} more files |" + " |" * (len(head) - 1)
    return [f"| {' | '.join(head)} |", f"|{'|'.join(rule)}|", *_shortened(rows, more)]


def _findings(analysis: Analysis) -> list[str]:
    rows = []
    for one in analysis.findings:
        place = f"{shown(one.path)}:{one.start.line}:{one.start.column}"
        fix = str(one.applicability) + (f", {one.reason}" if one.reason is not None else "")
        rows.append(f"| {_code(place)} | {one.code} | {_message(one.message)} | {_plain(fix)} |")
    table = ["| place | rule | finding | fix |", "|---|---|---|---|", *_shortened(rows, "| … | | {} more | |")]
    return ["<details><summary>Findings</summary>", "", *table, "", "</details>"]


def _suppressed(analysis: Analysis) -> list[str]:
    rows = []
    for one in analysis.suppressed:
        place = f"{shown(one.finding.path)}:{one.finding.start.line}:{one.finding.start.column}"
        rows.append(f"| {_code(place)} | {one.finding.code} | {one.comment.until} | {_plain(one.comment.reason)} |")
    table = ["| place | rule | until | reason |", "|---|---|---|---|", *_shortened(rows, "| … | | | {} more |")]
    return ["<details><summary>Suppressed</summary>", "", *table, "", "</details>"]


def _shortened(rows: list[str], more: str) -> list[str]:
    left_out = len(rows) - _ROWS
    return rows if left_out <= 0 else [*rows[:_ROWS], more.format(left_out)]


def _message(text: str) -> str:
    """Return a message, what stands in backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _plain(text)
    return "".join(_code(part) if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    """Return `text` so that Markdown takes nothing in it for a sign, in a cell of a table."""
    return _SPECIAL.sub(r"\\\g<0>", re.sub(r"\s+", " ", text))


def _code(text: str) -> str:
    """Return `text` as code in a cell of a table; a backtick in it needs a longer fence."""
    text = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"
