"""Annotations on a pull request: commands that a GitHub runner reads from the output of a step.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-error-message

GitHub shows ten of a kind and step; the last line sums up what the others say.
"""

from __future__ import annotations

import os

from logshift.engine import Analysis, shown
from logshift.model import Finding
from logshift.report.summary import count


def render(analysis: Analysis) -> str:
    """Return a command for each finding, and for each file that could not be analysed."""
    lines = []
    level = "error" if analysis.findings_fail else "warning"
    for one in analysis.findings:
        held = f" ({one.reason})" if one.reason is not None else ""
        lines.append(
            _command(
                level,
                f"{one.message} [{one.applicability}]{held}",
                title=f"{one.code} {one.name}",
                file=_from_root(one.path),
                line=str(one.start.line),
                endLine=str(one.end.line),
                **({"col": str(one.start.column), "endColumn": str(one.end.column)} if _is_one_line(one) else {}),
            )
        )
    lines += [
        _command(
            "error",
            one.message,
            title="not analysed",
            file=_from_root(one.path),
            line=str(one.line),
            col=str(one.column),
        )
        for one in analysis.unanalysed
    ]
    lines += [_command("error", one, title="logshift") for one in (analysis.gate.missed if analysis.gate else ())]
    total = count(analysis)
    apart = [(len(analysis.known), "known"), (len(analysis.suppressed), "suppressed"), (analysis.outside, "elsewhere")]
    others = "".join(f", {number} {what}" for number, what in apart if number)
    lines.append(f"{len(analysis.findings)} findings{others}, compliance {total.percentage:.1f} %\n")
    return "".join(lines)


def _is_one_line(finding: Finding) -> bool:
    """Say whether columns may be given; GitHub drops an annotation that has them over several lines."""
    return finding.start.line == finding.end.line


def _from_root(path: str) -> str:
    """Return a path as GitHub knows it: from the root of the checkout, wherever the step runs."""
    root = os.environ.get("GITHUB_WORKSPACE")
    if root is None:
        return shown(path)
    relative = os.path.relpath(os.path.realpath(path), os.path.realpath(root))
    return shown(path) if relative.startswith(os.pardir) else relative.replace(os.sep, "/")


def _command(level: str, message: str, **properties: str) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {told}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
