"""The logger is a leaf: it runs, and its core tests pass, with nothing but the standard library."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import universal_framework.observability.unified_logger as module

HERE = Path(__file__).resolve().parent
SOURCE = Path(module.__file__).resolve().parents[2]
PACKAGE = "universal_framework.observability"

TRACE = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
import logging
stdlib = set(sys.modules) - before
import universal_framework.observability.unified_logger
print("\\n".join(sorted(set(sys.modules) - before - stdlib)))
"""


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an interpreter that sees neither site-packages nor this environment's settings."""
    command = [sys.executable, "-I", "-S", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_importing_it_loads_only_the_standard_library_and_its_private_neighbours() -> None:
    done = _python("-c", TRACE, str(SOURCE))
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    ours = {name for name in loaded if name.startswith("universal_framework")}
    parents = {"universal_framework", PACKAGE, f"{PACKAGE}.unified_logger"}
    assert parents < ours
    assert all(name.removeprefix(f"{PACKAGE}.").startswith("_") for name in ours - parents)
    assert {name.partition(".")[0] for name in loaded} - {"universal_framework"} <= sys.stdlib_module_names


def test_importing_it_loads_little_that_logging_has_not_loaded() -> None:
    loaded = _python("-c", TRACE, str(SOURCE)).stdout.split()
    assert not {"asyncio", "json", "inspect", "dataclasses", "structlog", "concurrent.futures"} & set(loaded)


def test_structlog_is_not_imported_by_logging() -> None:
    program = """
import sys
sys.path.insert(0, sys.argv[1])
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
for via in (None, "stdlib"):
    UniversalFrameworkLogger("billing", via=via).bind(user="ann").warning("x", page=2)
assert "structlog" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(SOURCE)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_the_core_tests_pass_with_no_third_party_package_installed() -> None:
    done = _python("-W", "error", str(HERE / "core" / "run.py"), str(SOURCE))
    assert done.returncode == 0, done.stdout + done.stderr
    written = sum(
        len(re.findall(r"^def test_", path.read_text(), re.MULTILINE)) for path in HERE.glob("core/test_*.py")
    )
    assert done.stdout.splitlines()[-1] == f"{written} passed, 0 failed"


def test_the_runner_of_the_core_tests_can_fail() -> None:
    program = f"""
import sys
sys.argv = ["run.py"]
sys.path.insert(0, {str(SOURCE)!r})
import universal_framework.observability.unified_logger as module
module.UniversalFrameworkLogger.bind = lambda self, **fields: self
import runpy
main = runpy.run_path({str(HERE / "core" / "run.py")!r})["main"]
raise SystemExit(main({str(SOURCE)!r}, "bind_adds"))
"""
    done = _python("-c", program)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"


@pytest.mark.parametrize("path", sorted(HERE.glob("core/*.py")), ids=lambda path: path.name)
def test_the_core_tests_import_no_third_party_package(path: Path) -> None:
    imported = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
    assert set(imported) <= sys.stdlib_module_names | {"universal_framework"}
