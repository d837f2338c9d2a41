"""The audit trail: append lines that nobody can later change, remove or reorder without `verify` saying where.

Light to import: standard library only; `cryptography` is loaded when the first log is opened.
"""

from __future__ import annotations

from universal_framework.observability.audit.errors import AuditError
from universal_framework.observability.audit.log import AuditLog
from universal_framework.observability.audit.settings import Durability, Loss, Stats

__all__ = ["AuditError", "AuditLog", "Durability", "Loss", "Stats"]
