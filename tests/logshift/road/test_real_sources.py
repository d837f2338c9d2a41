"""Real sources with loggers put into them at random places: every proof holds, and a second run changes nothing.

The standard library is the grammar: it holds every statement and layout that people write.
"""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
import warnings
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logshift.config.settings import Settings
from logshift.discover import is_generated
from logshift.engine import analyse
from logshift.migrate import migrate
from logshift.model import Reason

STDLIB = Path(sysconfig.get_paths()["stdlib"])
EXAMPLES = 2000 if os.environ.get("LOGSHIFT_FULL") else 60

LOGGERS = [
    'structlog.get_logger("{n}").info("event")',
    'log_{n} = structlog.get_logger("label"); log_{n}.info("event", n={n})',
    "logging.getLogger(__name__).info('%s', {n})",
    'import structlog as s{n}; s{n}.get_logger().info("event")',
    "given_{n} = None or structlog.get_logger()",
    'log_{n} = structlog.get_logger("label").bind(n={n})',
    "logger = logging.getLogger('name.{n}')",
]


@cache
def sources() -> list[Path]:
    """Return readable modules of a moderate size."""
    found = []
    for folder in (
        "",
        "asyncio",
        "collections",
        "concurrent/futures",
        "email",
        "http",
        "importlib",
        "json",
        "unittest",
    ):
        found += sorted((STDLIB / folder).glob("*.py"))
    return [path for path in found if 500 < path.stat().st_size < 60_000 and is_plain(path)]


def is_plain(path: Path) -> bool:
    data = path.read_bytes()
    try:
        return b"logging" not in data and not is_generated(data) and bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def places(text: str) -> list[tuple[int, str]]:
    """Return the lines before which a statement may stand, with its indentation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    lines = text.split("\n")
    found = []
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody", "handlers"):
            suite = getattr(node, field, None)
            for index, statement in enumerate(suite if isinstance(suite, list) else []):
                if not isinstance(statement, ast.stmt) or getattr(statement, "decorator_list", None):
                    continue
                head = lines[statement.lineno - 1][: statement.col_offset]
                is_docstring = index == 0 and isinstance(statement, ast.Expr)
                is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
                if not head.strip() and not is_docstring and not is_future:
                    found.append((statement.lineno - 1, head))
    return sorted(set(found))


@st.composite
def source(draw) -> str:
    """Return a module of the standard library with one to six statements about loggers in it."""
    text = draw(st.sampled_from(sources())).read_text("utf-8")
    where = places(text)
    lines = text.split("\n")
    chosen = draw(st.lists(st.sampled_from(where), min_size=1, max_size=6, unique=True))
    for number, (line, head) in enumerate(sorted(chosen, reverse=True)):
        lines.insert(line, head + draw(st.sampled_from(LOGGERS)).format(n=number))
    first = where[0][0]
    lines[first:first] = ["import logging", "import structlog"]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sources")
    (root / "app").mkdir()
    (root / "app/__init__.py").touch()
    return root


def is_fit(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "mod.py", "exec")
        except SyntaxError:  # a statement was put between a `from __future__` and the docstring, say
            return False
    return True


@pytest.mark.campaign
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=source().filter(is_fit))
def test_proofs_hold_and_nothing_is_left_to_do(folder: Path, text: str) -> None:
    sys.setrecursionlimit(30_000)
    path = folder / "app/mod.py"
    path.write_text(text, "utf-8")
    options = Settings(root=str(folder))
    (outcome,) = migrate(analyse([str(path)], options)).outcomes

    assert outcome.failed is None, f"{outcome.failed}"
    assert {kept.reason for kept in outcome.kept} <= {Reason.OPTIONAL_DEPENDENCY}  # put into a guarded import
    if outcome.after is not None:
        path.write_bytes(outcome.after)
        left = analyse([str(path)], options).findings
        assert len(left) == len(outcome.kept)


@pytest.mark.campaign
@pytest.mark.skipif(not os.environ.get("LOGSHIFT_FULL"), reason="a long campaign: make test-full")
def test_all_of_the_standard_library_is_analysed_and_migrated_without_a_failed_proof(tmp_path: Path) -> None:
    analysis = analyse(
        [str(STDLIB)], Settings(root=str(STDLIB), exclude=("site-packages/", "lib2to3/tests/", "test/bad*"))
    )
    outcomes = migrate(analysis).outcomes

    assert not [outcome for outcome in outcomes if outcome.failed is not None]
    for outcome in outcomes:
        if outcome.after is not None:
            compile(outcome.after, outcome.path, "exec", dont_inherit=True)
