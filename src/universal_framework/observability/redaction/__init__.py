"""Redaction: secrets and personal data out of texts, values, log fields and log records.

Pure: a value in, a value out; standard library only. What is found and what is not: ``docs/redaction.md``.
"""

from universal_framework.observability.redaction._find import Finding
from universal_framework.observability.redaction._policy import ENTITIES, Detector, Engine, IpScope, Mode, Policy
from universal_framework.observability.redaction._records import RedactionFilter
from universal_framework.observability.redaction._redactor import DEFAULT, UNREADABLE, Redactor, redact
from universal_framework.observability.redaction._structlog import redact_processor

__all__ = [
    "DEFAULT",
    "ENTITIES",
    "UNREADABLE",
    "Detector",
    "Engine",
    "Finding",
    "IpScope",
    "Mode",
    "Policy",
    "RedactionFilter",
    "Redactor",
    "redact",
    "redact_processor",
]
