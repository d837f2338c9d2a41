"""A JSON object a line, for programs that read as they go: the findings, the files not analysed, the totals.

The objects are those of the JSON report; ``type`` says which: `finding`, `not_analysed` or, once and last, `totals`.
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
    lines += [_line("not_analysed", one) for one in whole["not_analysed"]]
    lines.append(_line("totals", {"schema_version": whole["schema_version"], **whole["totals"]}))
    return "".join(lines)


def _line(kind: str, values: dict[str, Any]) -> str:
    return json.dumps({"type": kind, **values}) + "\n"
