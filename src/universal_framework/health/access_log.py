"""Access logs without the lines of probes.

In: records of uvicorn's access logger. Out: the same without those of the probes' paths that were answered with 200 or
503 – the registry logs each change of health once, which says more. Everything else stays: other paths, other statuses,
`detailed`, which people ask for.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Final

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

#: What a probe is answered with.
_EXPECTED: Final = frozenset({200, 503})
_PROBES: Final = ("", "/live", "/ready", "/startup")


class ProbeFilter(logging.Filter):
    """Lets through what is not a probe's line.

    Args:
        prefix: Where the health routes are, as ``[monitoring] health_check_endpoint`` has it.
        root_path: What a proxy, or a mount, has before it.
    """

    def __init__(self, prefix: str = "/health", *, root_path: str = "") -> None:
        super().__init__()
        base = root_path.rstrip("/") + prefix.rstrip("/")
        self._paths = frozenset(base + probe + slash for probe in _PROBES for slash in ("", "/"))

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be kept."""
        args = record.args  # (client, method, path with query, HTTP version, status) in uvicorn
        if not isinstance(args, tuple) or len(args) != 5 or not isinstance(args[2], str):
            return True
        return args[4] not in _EXPECTED or args[2].partition("?")[0] not in self._paths


@contextlib.contextmanager
def without_probe_lines(
    prefix: str = "/health", *, root_path: str = "", logger_name: str = "uvicorn.access"
) -> Iterator[None]:
    """Keep the probes' lines out of a logger, inside; for a lifespan."""
    access = UniversalFrameworkLogger("access_log", name=logger_name)
    probes = ProbeFilter(prefix, root_path=root_path)
    access.addFilter(probes)
    try:
        yield
    finally:
        access.removeFilter(probes)
