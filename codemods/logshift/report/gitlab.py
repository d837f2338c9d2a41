"""A code quality report for GitLab.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format

GitLab tells new findings from old ones by their fingerprints alone, so the path is part of them: the same logger in two
files is two findings. What is known or suppressed is left out.
"""

from __future__ import annotations

import json
from hashlib import sha256

from logshift.engine import Analysis, shown
from logshift.model import Applicability

_SEVERITIES = {Applicability.SAFE: "minor", Applicability.UNSAFE: "minor", Applicability.MANUAL: "major"}


def render(analysis: Analysis) -> str:
    """Return the report as a JSON array."""
    issues = [
        {
            "description": f"{one.code} {one.message}" + (f" ({one.reason})" if one.reason is not None else ""),
            "check_name": one.name,
            "fingerprint": _fingerprint(shown(one.path), one.fingerprint),
            "severity": _SEVERITIES[one.applicability],
            "location": {"path": shown(one.path), "lines": {"begin": one.start.line, "end": one.end.line}},
        }
        for one in analysis.findings
    ]
    issues += [
        {
            "description": f"not analysed: {one.message}",
            "check_name": "not-analysed",
            "fingerprint": _fingerprint(shown(one.path), "not-analysed"),
            "severity": "critical",
            "location": {"path": shown(one.path), "lines": {"begin": one.line}},
        }
        for one in analysis.unanalysed
    ]
    issues += [
        {
            "description": one,
            "check_name": "logshift",
            "fingerprint": _fingerprint("", one),
            "severity": "critical",
            "location": {"path": shown(analysis.settings.file or analysis.settings.root), "lines": {"begin": 1}},
        }
        for one in (analysis.gate.missed if analysis.gate is not None else ())
    ]
    return json.dumps(issues, indent=2) + "\n"


def _fingerprint(path: str, what: str) -> str:
    return sha256(f"{path}\0{what}".encode()).hexdigest()
