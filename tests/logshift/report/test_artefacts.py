"""What is generated and committed is what would be generated now: ``python tools/generate.py`` writes it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SPEC = importlib.util.spec_from_file_location("generate", ROOT / "tools" / "generate.py")
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)


@pytest.mark.parametrize("path", sorted(generate.ARTEFACTS))
def test_committed_artefact_has_not_drifted(path):
    assert (ROOT / path).read_text(encoding="utf-8") == generate.render(path)


def test_schemas_are_among_them():
    assert {"docs/schema/config.json", "docs/schema/report-1.json"} <= set(generate.ARTEFACTS)


def test_drift_is_told_and_mended(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "ARTEFACTS", {"docs/a.json": lambda: "{}\n"})
    assert generate.main(["--check"]) == 1
    assert not (tmp_path / "docs").exists()
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "docs/a.json").write_text("{ }\n")
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out.split("\n") == [
        "drifted: docs/a.json",
        "wrote docs/a.json",
        "drifted: docs/a.json",
        "",
    ]


def test_command_prints_the_committed_schema(logshift):
    assert logshift("config", "schema").out == (ROOT / "docs/schema/config.json").read_text(encoding="utf-8")
