"""A hook pays for every import on every commit: what a clean `check` loads is written down here, module by module.

https://pre-commit.com/#new-hooks
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

#: Of the standard library, beside what a bare interpreter has loaded and what these stand on themselves.
ALLOWED = {"collections", "enum", "errno", "functools", "io", "keyword", "marshal", "operator", "os", "re", "reprlib",
           "sys", "types", "zlib", "itertools", "copyreg", "contextlib", "abc", "stat", "runpy", "importlib", "warnings",
           "codecs", "time", "posixpath", "ntpath", "genericpath"}  # fmt: skip
HEAVY = {"argparse", "ast", "asyncio", "click", "dataclasses", "datetime", "difflib", "filelock", "inspect", "json", "libcst",
         "logging", "pathlib", "pydantic", "shutil", "subprocess", "tempfile", "threading", "tomllib", "traceback",
         "typing", "universal_framework", "structlog", "hashlib"}  # fmt: skip

PROGRAM = """\
import sys
before = set(sys.modules)
sys.argv[0] = "logshift"
from logshift.__main__ import main
status = main(sys.argv[1:])
loaded = sorted(set(sys.modules) - before)
sys.stderr.write(" ".join([str(status), *loaded]))
"""


@pytest.fixture
def loaded(project):
    """Run a command in a bare process; return its exit status and the modules it has loaded, by their roots."""

    def run(*arguments):
        # without site: what environments hook into every start is not ours
        paths = [path for path in sys.path if path and path != os.getcwd()]
        program = f"import sys; sys.path[:] = {paths!r}\n{PROGRAM}"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program, *arguments], capture_output=True, text=True, check=True
        )
        status, *modules = done.stderr.split()
        return int(status), set(modules)

    return run


def roots(modules):
    return {name.partition(".")[0] for name in modules}


def foreign(modules):
    """Return the modules that are neither ours nor allowed; those in C with an underscore come with another."""
    return {name for name in roots(modules) - ALLOWED - {"logshift"} if not name.startswith("_")}


@pytest.mark.parametrize(
    "files",
    [
        {"a.py": "x = 1\n"},
        {"a.py": "x = 1\n", ".git/config": "", ".gitignore": "*.pyc\n[ab]\n"},
        {"a.py": "x = 1\n", "logshift.toml": "src = ['lib']\n"},
        {"a.py": "x = 1\n", "pyproject.toml": "[tool.logshift.target]\nmodule = 'a.b'\n"},
        {"a.py": "x = 1\n", "pyproject.toml": "[dependency-groups]\ndev = ['logshift']\n"},
        {"a.py": "'''Speaks of logs.'''\n", "venv/b.py": "import logging\nlogging.getLogger()\n"},
        {},
    ],
)
def test_clean_check_loads_what_is_light_and_nothing_else(project, loaded, files):
    project(files)
    loaded("check")  # the configuration is compiled
    status, modules = loaded("check")
    assert status == 0
    assert foreign(modules) == set()
    assert roots(modules) & HEAVY == set()
    assert {name for name in modules if name.startswith("logshift")} == {
        "logshift", "logshift.__main__", "logshift._record", "logshift.cli", "logshift.cli.check", "logshift.config",
        "logshift.config.find", "logshift.config.settings", "logshift.discover", "logshift.engine", "logshift.fit",
        "logshift.frameworks", "logshift.frameworks._house_contract", "logshift.frameworks.helper",
        "logshift.frameworks.house", "logshift.frameworks.stdlib", "logshift.frameworks.structlog", "logshift.frameworks.wrapped",
        "logshift.gitignore",
        "logshift.judge", "logshift.model", "logshift.report", "logshift.report.style", "logshift.report.summary",
        "logshift.report.text", "logshift.resolve", "logshift.rules", "logshift.scan", "logshift.scan.names",
        "logshift.source",
    }  # fmt: skip


def test_check_loads_a_parser_for_a_file_that_may_hold_loggers_and_libcst_never(project, loaded, sources):
    project({"a.py": sources["movable"]})
    status, modules = loaded("check")
    assert status == 1
    assert "ast" in modules
    assert roots(modules) & (HEAVY - {"ast", "hashlib"}) == set()


def test_what_a_gate_needs_is_loaded_where_there_is_one(project, loaded, sources):
    root = project({"a.py": "x = 1\n"})
    assert not any(name.startswith("logshift.gate") for name in loaded("check", "--no-baseline")[1])
    assert not {"json", "subprocess", "tokenize"} & loaded("check", "--fail-under", "80")[1]
    (root / "logshift-baseline.jsonl").write_text("")
    status, modules = loaded("check")
    assert status == 0
    assert {"logshift.gate.baseline", "json"} <= modules
    assert not {"click", "pydantic", "subprocess", "logshift.gate.branch", "logshift.gate.ratchet"} & modules
    project({"a.py": sources["movable"]})
    assert "tokenize" not in loaded("check")[1]


def test_configuration_is_parsed_once(project, loaded):
    project({"a.py": "x = 1\n", "logshift.toml": "src = []\n"})
    assert "pydantic" in loaded("check")[1]
    assert "pydantic" not in loaded("check")[1]


def test_run_that_was_cut_short_is_the_only_reason_to_load_the_journal(project, loaded):
    root = project({"a.py": "x = 1\n", ".logshift/lock": "", ".logshift/runs/x": ""})
    assert "logshift.apply" not in loaded("check")[1]
    (root / ".logshift/open").write_text("")
    assert "logshift.apply" in loaded("check")[1]


def test_libcst_is_loaded_by_migrate_alone_and_only_where_it_rewrites(project, loaded, sources):
    project({"a.py": sources["movable"], "b.py": "x = 1\n"})
    assert "libcst" not in loaded("explain", "b.py")[1]
    assert "libcst" not in loaded("migrate", "b.py")[1]
    assert "libcst" not in loaded("rules")[1]
