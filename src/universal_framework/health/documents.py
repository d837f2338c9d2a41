"""A report as JSON: in the plan's shape, or in that of the IETF's draft.

In: a report, and whether the reader may see details. Out: dictionaries of plain values. Who may not see details gets
the verdict and the time, nothing else.

https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06 (expired in 2022; its shape is what is used).
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from universal_framework.health.model import Detail, HealthReport, Observation, Status


def plan_document(report: HealthReport, words: dict[Status, str], *, details: bool) -> dict[str, Any]:
    """Return the verdict in the given words, with ``checks`` below where details may be seen."""
    document: dict[str, Any] = {"status": words[report.status]}
    if details:
        document["state"] = report.lifecycle.value
        document["checks"] = {one.name: _entry(one) for one in report.observations}
        if report.excluded:
            document["excluded"] = list(report.excluded)
    document["timestamp"] = report.time.isoformat()
    return document


def plan_detailed_document(report: HealthReport, *, details: bool) -> dict[str, Any]:
    """Return the plan's detailed document: contributors stand beside ``overall_status``."""
    document: dict[str, Any] = {"overall_status": report.status.word}
    if details:
        document["state"] = report.lifecycle.value
        document.update((one.name, _entry(one)) for one in report.observations)
        if report.excluded:
            document["excluded"] = list(report.excluded)
    document["timestamp"] = report.time.isoformat()
    return document


def ietf_document(report: HealthReport, *, details: bool) -> dict[str, Any]:
    """Return ``application/health+json``."""
    document: dict[str, Any] = {"status": report.status.value}
    if not details:
        return document
    notes = [f"state: {report.lifecycle.value}", *(f"excluded: {name}" for name in report.excluded)]
    checks: dict[str, Any] = {}
    for one in report.observations:
        common: dict[str, Any] = {
            "componentType": one.kind,
            "status": one.result.status.value,
            "time": one.time.isoformat(),
        }
        if one.result.code is not None:
            common["output"] = one.result.code.value
        measured = {**common, "observedValue": _milliseconds(one), "observedUnit": "ms"}
        checks[f"{one.name}:responseTime"] = [measured]
        for name, value in one.result.details.items():
            checks[f"{one.name}:{name}"] = [{**common, "observedValue": _plain(value)}]
    return {**document, "notes": notes, "checks": checks}


def _entry(one: Observation) -> dict[str, Any]:
    result = one.result
    entry: dict[str, Any] = {"status": result.status.word, "critical": one.critical}
    if result.code is not None:
        entry["error"] = result.code.value
    entry["duration_ms"] = _milliseconds(one)
    entry["checked_at"] = one.time.isoformat()
    entry.update((name, _plain(value)) for name, value in result.details.items())
    return entry


def _milliseconds(one: Observation) -> float:
    return round(one.seconds * 1000, 1)


def _plain(value: Detail) -> Any:
    return value.value if isinstance(value, Enum) else value
