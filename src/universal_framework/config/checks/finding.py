"""What a check of a dependency is told with: the same value that the rules use, and how severe it is by default."""

from __future__ import annotations

from universal_framework.config.issues import Severity
from universal_framework.config.policy import Finding

__all__ = ["Finding", "error", "warning"]


def error(code: str, path: tuple[str, str], message: str, hint: str) -> Finding:
    """Return a finding that makes the configuration invalid."""
    return Finding(code, path, Severity.ERROR, message, hint)


def warning(code: str, path: tuple[str, str], message: str, hint: str) -> Finding:
    """Return a finding that does not."""
    return Finding(code, path, Severity.WARNING, message, hint)
