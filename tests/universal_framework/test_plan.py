"""Rows P1 to P5: what the plan leaves open, read as the research reads it, and held over all sources."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from logshift.config.find import settings_for
from logshift.engine import analyse
from logshift.report.summary import STRUCTLOG_MODULE, kind_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "universal_framework"

#: The rooms of the house, the lowest first; those of one storey do not know each other.
STOREYS = (
    {"observability", "errors", "contracts", "utils"},
    {"config"},
    {"monitoring", "llm", "redis", "compliance"},
    {"workflow", "agents", "health"},
    {"api"},
    {"cli", "__main__"},
)
#: Monitoring lies with the logger, where the plan has it, and takes its settings from the configuration.
MONITORING = {"production_monitoring.py", "otlp_router.py", "_otlp.py"}
STOREY = {room: number for number, rooms in enumerate(STOREYS) for room in rooms}


def room_of(path):
    if path.name in MONITORING:
        return "monitoring"
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """Yield the rooms that a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("universal_framework"):
            parts = node.module.split(".")
            names = [alias.name for alias in node.names] if len(parts) == 1 else parts[1:2]
            yield from ((node.lineno, name) for name in names)


def sources():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def test_P1_configuration_comes_before_recovery_and_recovery_before_health_and_service():
    against = [
        f"{path.relative_to(ROOT)}:{line}: {room_of(path)} imports {room}"
        for path in sources()
        for line, room in imported(path)
        if STOREY[room] > STOREY[room_of(path)]
    ]
    assert against == []


@pytest.fixture(scope="module")
def house():
    return analyse([str(PACKAGE)], settings_for([str(ROOT / "pyproject.toml")]))


def test_P2_new_files_use_the_house_logger_from_the_start(house):
    assert [f"{one.path}:{one.start.line} {one.message}" for one in house.findings] == []
    assert sum(len(file.facts.bindings) for file in house.files) > 20


def test_P3_files_are_counted_by_the_tool_and_not_by_the_plan():
    legacy = ROOT / "fixtures" / "legacy"
    found = analyse([str(legacy / "src")], settings_for([str(legacy / "pyproject.toml")]))
    by_module_name = {
        Path(file.facts.path).name
        for file in found.files
        for one in file.facts.bindings
        if kind_of(one, found) == STRUCTLOG_MODULE
    }
    assert by_module_name == {"safe_mode.py", "strategy_generator.py", "orchestrator.py", "workflow.py"}


def test_P4_only_the_loggers_own_bridge_asks_the_standard_library_for_loggers():
    asked = [
        path
        for path in sources()
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Attribute) and node.attr in {"getLogger", "get_logger"}
    ]
    outside = [str(path.relative_to(ROOT)) for path in asked if room_of(path) not in {"observability", "monitoring"}]
    assert outside == []
