"""Helpers for the tests of reports: small projects, what is said of them, and a judge of JSON by its schema."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from logshift.config.find import settings_for
from logshift.engine import analyse

ROOT = Path(__file__).parents[3]


@pytest.fixture
def legacy(tmp_path, monkeypatch):
    """Return a copy of the legacy application as the working directory."""
    root = tmp_path / "legacy"
    ignored = shutil.ignore_patterns("__pycache__", ".logshift", ".pytest_cache")
    shutil.copytree(ROOT / "fixtures" / "legacy", root, ignore=ignored)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def analysis():
    """Analyse the working directory."""
    return lambda *paths: analyse(paths or (".",), settings_for(paths))


KNOWN = {"$schema", "$defs", "$ref", "title", "description", "default", "type", "properties", "required", "items", "enum", "const",
         "additionalProperties", "anyOf", "minimum", "minLength"}  # fmt: skip
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def errors(value, schema, whole, path="$"):
    """Yield what is wrong with a value; of JSON Schema, what our schemas use, and no other word is let pass.

    https://json-schema.org/draft/2020-12/json-schema-validation
    """
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        yield from errors(value, whole["$defs"][schema["$ref"].removeprefix("#/$defs/")], whole, path)
    kind = schema.get("type")
    if kind in ("integer", "number"):
        allowed = int if kind == "integer" else (int, float)
        if isinstance(value, bool) or not isinstance(value, allowed):
            yield f"{path}: {value!r} is no {kind}"
            return
    elif kind is not None and not isinstance(value, TYPES[kind]):
        yield f"{path}: {value!r} is no {kind}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{path}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{path}: {value!r} is too small"
    if "minLength" in schema and len(value) < schema["minLength"]:
        yield f"{path}: {value!r} is too short"
    if "anyOf" in schema and all(list(errors(value, one, whole, path)) for one in schema["anyOf"]):
        yield f"{path}: {value!r} is none of the alternatives"
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from errors(item, schema["items"], whole, f"{path}[{index}]")
    if isinstance(value, dict):
        yield from (f"{path}: {name} is missing" for name in schema.get("required", ()) if name not in value)
        others = schema.get("additionalProperties", True)
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name, others)
            if inner is False:
                yield f"{path}: {name} is not known"
            elif inner is not True:
                yield from errors(item, inner, whole, f"{path}.{name}")


@pytest.fixture
def judge():
    """Return what a published schema has against a value."""

    def against(name, value):
        schema = json.loads((ROOT / "docs" / "schema" / name).read_text(encoding="utf-8"))
        return list(errors(value, schema, schema))

    return against
