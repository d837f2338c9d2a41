"""A JSON object a line, for programs that read as they go: the findings, the files not analysed, the totals.

The objects are those of the JSON report; ``type`` says which: `finding`, `known`, `suppressed`, `not_analysed`, `gate`
if anything was asked for beside findings, and, once and last, `totals`.
"""

from __future__ import annotations

import json
from typing import Any

from logshift.engine import Analysis
from logshift.report.document import report


def render(analysis: Analysis) -> str:
    """Return the report, ASCII alone."""
    whole = report(analysis).model_dump(mode="json")
    lines = [_line("finding", one) for one in whole["findings"]]
    for kind in ("known", "suppressed", "not_analysed"):
        lines += [_line(kind, one) for one in whole[kind]]
    if whole["gate"] is not None:
        lines.append(_line("gate", whole["gate"]))
    lines.append(_line("totals", {"schema_version": whole["schema_version"], **whole["totals"]}))
    return "".join(lines)


def _line(kind: str, values: dict[str, Any]) -> str:
    return json.dumps({"type": kind, **values}) + "\n"
