"""A redactor that finds nothing, for ``UF_LOG_REDACTION=off``: to see what a migration alone changes.

It takes the place of the default one in this process; a `Policy` given in code, `redact` and the filters for other
loggers stay as they are. `configure_logging` says in the log that it is off.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

VARIABLE: Final = "UF_LOG_REDACTION"


def is_asked_for() -> bool:
    """Return whether the environment turns redaction off; any word but ``off`` leaves it on."""
    return os.environ.get(VARIABLE, "").strip().lower() == "off"


class Unredacted:
    """What `_pipeline.Redactor` asks for; everything comes back as it went in."""

    def knows_id(self, text: str) -> object:
        """Say of every text that it is nothing else."""
        return text or True

    def may_hold(self, _rendered: bytes) -> bool:
        """Say of no line that it may hold a secret."""
        return False

    def text(self, text: str) -> str:
        """Return `text`."""
        return text

    def value(self, value: object) -> Any:
        """Return `value`."""
        return value

    def fields(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return `fields`."""
        return fields

    def sensitive_key(self, _key: str) -> bool:
        """Say of no field that it is hidden."""
        return False

    def clean_names(self, _names: tuple[str, ...]) -> bool:
        """Say of all names that nothing is looked at for them."""
        return True

    def exception_text(self, text: str) -> str:
        """Return `text`."""
        return text
