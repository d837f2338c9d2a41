"""The documents say what is: the demonstration's output, the diff, the tests that keep promises."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: What differs from run to run: the run's name, ids, durations.
_VARYING = {r"\d{8}T\d{6}Z-\d{4}": "RUN", r'"[0-9a-f]{8}…"': '"ID"', r'("duration_ms": )[\d.]+': r"\1N"}


def _block(language: str) -> str:
    return re.search(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[1]


def _without_what_varies(text: str) -> list[str]:
    for pattern, word in _VARYING.items():
        text = re.sub(pattern, word, text)
    return text.strip("\n").split("\n")


def test_readme_shows_what_the_demo_prints():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "demo.py"], capture_output=True, encoding="utf-8", check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert _without_what_varies(_block("text")) == _without_what_varies(done.stdout)


def test_diff_in_the_readme_is_what_a_migration_makes(tmp_path):
    lines = _block("diff").split("\n")[:-1]
    before = "\n".join(line[1:] for line in lines if line[:1] != "+")
    after = "\n".join(line[1:] for line in lines if line[:1] != "-")
    (tmp_path / "billing.py").write_text(before + "\n")
    command = [sys.executable, "-m", "logshift", "migrate"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "billing.py").read_text() == after + "\n"


def _links(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"\[([^\]]*)\]\((?!https?:)([^)#]*)[^)]*\)", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"docs/{one.name}" for one in (ROOT / "docs").glob("*.md"))],
)
def test_every_link_of_a_page_leads_somewhere(page):
    targets = [target for _, target in _links(ROOT / page) if target]
    assert [target for target in targets if not ((ROOT / page).parent / target).exists()] == []


def test_every_test_that_keeps_a_promise_exists():
    named = [(name, target) for name, target in _links(ROOT / "docs" / "correctness.md") if name.startswith("test_")]
    assert len(named) > 40
    for name, target in named:
        path = (ROOT / "docs" / target).resolve()
        if name != path.name:
            functions = {
                node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
            }
            assert name in functions, f"{target} has no {name}"


def test_example_configuration_is_valid():
    command = [sys.executable, "-m", "logshift", "config", "validate", ROOT / "config" / "logshift.toml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
