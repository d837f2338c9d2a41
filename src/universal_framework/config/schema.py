"""The JSON Schema of a configuration file, for editors and linters of TOML. Pure: made from the models alone.

Where a number or a switch is expected, a text may stand that refers to a variable: `"${POOL:-50}"`.
"""

from __future__ import annotations

import json
from typing import Any

from universal_framework.config.models import ProductionConfig

_REFERENCE = {"type": "string", "pattern": r"\$\{"}
_BOUNDS = ("type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def schema() -> dict[str, Any]:
    """Return the schema (JSON Schema, draft 2020-12)."""
    document: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    document |= ProductionConfig.model_json_schema()
    for section in document["$defs"].values():
        section["properties"] = {name: _with_reference(one) for name, one in section["properties"].items()}
    # what is required may come from the environment: a file alone is complete without it
    document.pop("required", None)
    for section in document["$defs"].values():
        section.pop("required", None)
    return document


def schema_text() -> str:
    """Return the schema as the committed file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _with_reference(field: dict[str, Any]) -> dict[str, Any]:
    if field.get("type") not in ("integer", "number", "boolean"):
        return field
    own = {key: field[key] for key in _BOUNDS if key in field}
    rest = {key: value for key, value in field.items() if key not in _BOUNDS}
    return {**rest, "anyOf": [own, _REFERENCE]}
