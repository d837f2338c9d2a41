"""SARIF 2.1.0, for code scanning: rules with their pages, results with fingerprints, and what `migrate` would write.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html

Paths are relative to ``SRCROOT``, the working directory. Columns count code points. A fix is that of a whole file, at
the first of its findings that are safe to fix: its loggers move together, as one import serves them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from logshift import __version__
from logshift.engine import Analysis, FileResult, shown
from logshift.explain import rule_page
from logshift.migrate import Outcome, migrate
from logshift.model import Applicability, Finding, Unanalysed
from logshift.rules import Rule, all_rules
from logshift.source import Source

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(analysis: Analysis) -> str:
    """Return the log, with one run; ASCII alone."""
    rules = all_rules()
    index = {rule.code: number for number, rule in enumerate(rules)}
    fixes = {one.path: _fix(one) for one in migrate(analysis).changed} if analysis.findings else {}
    missed = analysis.gate.missed if analysis.gate is not None else ()
    run = {
        "tool": {
            "driver": {
                "name": "logshift",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The working directory of the run."}}},
        "invocations": [
            {
                "executionSuccessful": not analysis.unanalysed,
                "toolExecutionNotifications": [
                    *(_notification(one) for one in analysis.unanalysed),
                    *({"level": "error", "message": {"text": one}} for one in missed),
                ],
            }
        ],
        "results": [one for file in analysis.files for one in _results(file, analysis, index, fixes)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    page = rule_page(rule.code) or ""
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": rule.why},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["logging", "maintainability"]},
    }


def _results(
    file: FileResult, analysis: Analysis, index: dict[str, int], fixes: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield what was found in a file; what is known or suppressed says so, what the branch did not add is left out."""
    has_baseline = analysis.gate is not None and analysis.gate.baseline is not None
    known = {id(one) for one in file.known}
    outside = {id(one) for one in file.outside}
    comments = {id(one.finding): one.comment for one in file.suppressed}
    for one in file.everything:
        if id(one) in outside:
            continue
        result = _result(one, index[one.code], fixes)
        if has_baseline:
            result["baselineState"] = "unchanged" if id(one) in known else "new"
        if (comment := comments.get(id(one))) is not None:
            reason = {"justification": comment.reason} if comment.reason else {}
            result["suppressions"] = [{"kind": "inSource", "status": "accepted", **reason}]
        yield result


def _result(one: Finding, index: int, fixes: dict[str, Any]) -> dict[str, Any]:
    """Return a finding as a result; of `fixes`, those of each file, it takes the one that is its to show."""
    held = f" ({one.reason})" if one.reason is not None else ""
    result = {
        "ruleId": one.code,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": f"{one.message}{held}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(one.path),
                    "region": {
                        "startLine": one.start.line,
                        "startColumn": one.start.column,
                        "endLine": one.end.line,
                        "endColumn": one.end.column,
                    },
                },
                **({"logicalLocations": [{"fullyQualifiedName": one.scope}]} if one.scope else {}),
            }
        ],
        "partialFingerprints": {"logshift/v1": one.fingerprint},
        "properties": {"applicability": str(one.applicability), "reason": str(one.reason) if one.reason else None},
    }
    if one.applicability is Applicability.SAFE and one.path in fixes:
        result["fixes"] = [fixes.pop(one.path)]
    return result


def _fix(outcome: Outcome) -> dict[str, Any]:
    source = Source(outcome.path, outcome.before)
    replacements = []
    for patch in outcome.patches:
        start, end = source.position(patch.span.start), source.position(patch.span.end)
        region = {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        }
        text = patch.data.decode(source.encoding)
        replacements.append({"deletedRegion": region, "insertedContent": {"text": text}})
    return {
        "description": {"text": "Move the loggers of this file."},
        "artifactChanges": [{"artifactLocation": _artifact(outcome.path), "replacements": replacements}],
    }


def _notification(one: Unanalysed) -> dict[str, Any]:
    place = {"artifactLocation": _artifact(one.path), "region": {"startLine": one.line, "startColumn": one.column}}
    return {
        "level": "error",
        "message": {"text": f"not analysed: {one.message}"},
        "locations": [{"physicalLocation": place}],
    }


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(shown(path)), "uriBaseId": "SRCROOT"}
