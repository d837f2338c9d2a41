"""The JSON Schema of a configuration file, for editors and linters of TOML. Pure: made from the models alone.

Where a number or a switch is expected, a text may stand that refers to a variable: `"${POOL:-50}"`.
"""

from __future__ import annotations

import json
from typing import Any

from universal_framework.config.models import AgentRecoveryConfig, ProductionConfig

_REFERENCE = {"type": "string", "pattern": r"\$\{"}
_BOUNDS = ("type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def schema() -> dict[str, Any]:
    """Return the schema (JSON Schema, draft 2020-12)."""
    document: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    document |= ProductionConfig.model_json_schema()
    tables = [one for one in document["$defs"].values() if "properties" in one]
    for section in tables:
        section["properties"] = {
            name: _with_reference(_without_null(one)) for name, one in section["properties"].items()
        }
    for setting in document["$defs"][AgentRecoveryConfig.__name__]["properties"].values():
        setting.pop("default", None)  # what is not given is as for all
    # what is required may come from the environment: a file alone is complete without it
    document.pop("required", None)
    for section in tables:
        section.pop("required", None)
    return document


def schema_text() -> str:
    """Return the schema as the committed file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """Return a field without the alternative to be null, which TOML does not have."""
    members = [one for one in field.get("anyOf", ()) if one.get("type") != "null"]
    if len(members) != 1:
        return field
    rest = {key: value for key, value in field.items() if key != "anyOf" and (key, value) != ("default", None)}
    return {**members[0], **rest}


def _with_reference(field: dict[str, Any]) -> dict[str, Any]:
    if field.get("type") not in ("integer", "number", "boolean"):
        return field
    own = {key: field[key] for key in _BOUNDS if key in field}
    rest = {key: value for key, value in field.items() if key not in _BOUNDS}
    return {**rest, "anyOf": [own, _REFERENCE]}
