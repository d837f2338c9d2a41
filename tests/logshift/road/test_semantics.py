"""Generated programs report the same events before and after.

A program is a module of functions that make loggers in every place and style, under few names, so that they
hide each other often. It runs under a recorder plugged in below structlog and below logging; what it reports –
level, message, fields, label or logger name, function – must be what it reported before, in the same order.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from logshift.config.settings import Settings
from logshift.engine import analyse
from logshift.migrate import migrate
from logshift.model import Reason

MODULE = "app.mod"
COMPONENT = "mod"
EXAMPLES = 3000 if os.environ.get("LOGSHIFT_FULL") else 150

# -- programs ------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["logger", "log", "audit"])
LABELS = st.sampled_from([None, "__name__", "'mod'", "'one'", "'two'", "f'{kind}'"])
FLAGS = st.sampled_from(["a", "b", "not a", "True"])
EXTRAS = st.sampled_from(["", ", x=1", ", x=1, **more", ", exc_info=True", ",\n{pad}    x=1,\n{pad}"])


@st.composite
def factory(draw: Any, library: str) -> str:
    """Return a call that makes a logger of `library`."""
    label = draw(LABELS)
    if library == "logging":
        return f"{draw(st.sampled_from(['logging.getLogger', 'get_stdlib']))}({label or '__name__'})"
    path = draw(st.sampled_from(["structlog.get_logger", "structlog.getLogger", "make", "structlog.stdlib.get_logger"]))
    fields = draw(st.sampled_from(["", "", "", "team='red'"]))
    return f"{path}({', '.join(part for part in (label, fields) if part)})"


@st.composite
def statement(draw: Any, depth: int, pad: str, number: Iterator[int]) -> list[str]:
    """Return the lines of one statement of a function."""
    kinds = ["bind", "bind", "bind", "call", "call", "call", "call", "inline", "import", "derive"]
    kinds += ["alias", "pass", "comprehension", "lambda", "delete", "tuple", "walrus", "or"]
    if depth < 3:
        kinds += ["if", "try", "for", "with", "closure", "class", "global", "object", "default", "match"]
    kind = draw(st.sampled_from(kinds))
    library = draw(st.sampled_from(["structlog", "structlog", "logging"]))
    event = f"'event {next(number)}'"
    if kind == "bind":
        return [f"{pad}{draw(NAMES)} = {draw(factory(library))}"]
    if kind == "call":
        return [f"{pad}{draw(NAMES)}.info({event})"]
    if kind == "inline":
        extra = draw(EXTRAS) if library == "structlog" else ""
        return [f"{pad}{draw(factory(library))}.warning({event}{extra.replace('{pad}', pad)})"]
    if kind == "import":
        return [f"{pad}import structlog as s", f"{pad}s.get_logger({draw(LABELS) or ''}).error({event}, deep=True)"]
    if kind == "derive":
        return [f"{pad}log = structlog.get_logger({draw(LABELS) or ''}).bind(y=2)", f"{pad}log.info({event})"]
    if kind == "alias":
        return [f"{pad}other = {draw(NAMES)}", f"{pad}other.info({event})"]
    if kind == "pass":
        return [f"{pad}emit({draw(NAMES)}, {event})"]
    if kind == "comprehension":
        return [f"{pad}[{draw(NAMES)}.info({event}) for {draw(st.sampled_from(['i', 'log']))} in (1, 2)]"]
    if kind == "lambda":
        return [f"{pad}(lambda {draw(st.sampled_from(['', 'log=None']))}: {draw(NAMES)}.info({event}))()"]
    if kind == "delete":
        name = draw(NAMES)
        return [f"{pad}{name} = {draw(factory(library))}", f"{pad}{name}.info({event})", f"{pad}del {name}"]
    if kind == "tuple":
        return [f"{pad}{draw(NAMES)}, {draw(NAMES)} = {draw(factory(library))}, {draw(factory(library))}"]
    if kind == "walrus":
        return [f"{pad}({draw(NAMES)} := {draw(factory(library))}).info({event})"]
    if kind == "or":
        return [f"{pad}{draw(NAMES)} = None or {draw(factory(library))}"]
    if kind == "object":
        name = f"T{next(number)}"
        return [
            f"{pad}class {name}:",
            f"{pad}    shared = {draw(factory(library))}",
            f"{pad}    def __init__(self):",
            f"{pad}        self.log = {draw(factory('structlog'))}",
            f"{pad}        self.log.info({event}, x=1)",
            f"{pad}        {name}.shared.info({event})",
            f"{pad}{name}().log.bind(k=1).info({event})",
        ]
    if kind == "default":
        name = f"d{next(number)}"
        return [f"{pad}def {name}(log={draw(factory(library))}):", f"{pad}    log.info({event})", f"{pad}{name}()"]
    body = draw(suite(depth + 1, pad + "    ", number))
    if kind == "global":
        name = f"g{next(number)}"
        return [f"{pad}def {name}():", f"{pad}    global audit", *body, f"{pad}{name}()"]
    if kind == "match":
        return [f"{pad}match (a, b):", f"{pad}    case (1, audit):", *(f"    {line}" for line in body)]
    if kind == "if":
        other = draw(suite(depth + 1, pad + "    ", number))
        return [f"{pad}if {draw(FLAGS)}:", *body, f"{pad}else:", *other]
    if kind == "try":
        handler = draw(suite(depth + 1, pad + "    ", number))
        stop = [f"{pad}    if a: raise KeyError(1)"] if draw(st.booleans()) else []
        return [f"{pad}try:", *body, *stop, f"{pad}except KeyError:", *handler]
    if kind == "for":
        return [f"{pad}for i in range(2):", *body, *([f"{pad}    if b: break"] if draw(st.booleans()) else [])]
    if kind == "with":
        return [f"{pad}with nothing():", *body]
    if kind == "class":
        return [f"{pad}class C:", *body]
    name = f"inner{next(number)}"
    return [f"{pad}def {name}({draw(st.sampled_from(['', 'log=None', 'a=b']))}):", *body, f"{pad}{name}()"]


@st.composite
def suite(draw: Any, depth: int, pad: str, number: Iterator[int]) -> list[str]:
    """Return the lines of one to three statements."""
    return [line for _ in range(draw(st.integers(1, 3))) for line in draw(statement(depth, pad, number))]


@st.composite
def program(draw: Any) -> str:
    """Return a module."""
    number = iter(range(10_000))
    lines = [
        "import logging",
        "import structlog",
        "import structlog.stdlib",
        "from logging import getLogger as get_stdlib",
        "from structlog import get_logger as make",
        "from contextlib import nullcontext as nothing",
        "kind = 'computed'",
        "more = {'z': 3}",
        "def emit(given, event): given.info(event)",
    ]
    lines.extend(
        f"{draw(NAMES)} = {draw(factory(draw(st.sampled_from(['structlog', 'logging']))))}"
        for _ in range(draw(st.integers(0, 2)))
    )
    functions = draw(st.integers(1, 3))
    for index in range(functions):
        lines += ["", f"def f{index}(a, b):", *draw(suite(0, "    ", number)), "    return 1", ""]
        if draw(st.booleans()):
            lines += draw(statement(3, "", number))
    lines.append("for a, b in [(0, 0), (0, 1), (1, 0), (1, 1)]:")
    for index in range(functions):
        lines += ["    try:", f"        f{index}(a, b)", "    except KeyError:", "        pass"]
    return "\n".join(lines) + "\n"


# -- what they report --------------------------------------------------------------------------------------------


class Recorder(logging.Handler):
    """Stands below structlog and below the logging tree, and writes down what arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[Any, ...]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append(("tree", record.name, record.levelname, record.getMessage(), record.funcName))

    def process(self, logger: Any, method: str, event: dict[str, Any]) -> None:
        label = event.pop("channel", logger.label)
        if label in (None, MODULE, COMPONENT):
            label = None
        fields = sorted((key, repr(value)) for key, value in event.items())
        self.events.append(("structlog", label, method, fields))
        raise structlog.DropEvent


class Wrapped:
    """What structlog wraps: it knows under which name it was asked for."""

    def __init__(self, *names: str) -> None:
        self.label = names[0] if names else None


@contextmanager
def recording() -> Iterator[Recorder]:
    recorder = Recorder()
    root = logging.getLogger()
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    structlog.configure(processors=[recorder.process], logger_factory=Wrapped, cache_logger_on_first_use=False)
    try:
        yield recorder
    finally:
        structlog.reset_defaults()
        root.removeHandler(recorder)
        root.setLevel(level)


def run(text: str) -> list[tuple[Any, ...]]:
    with recording() as recorder:
        exec(compile(text, "mod.py", "exec"), {"__name__": MODULE})
        return recorder.events


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("semantics")
    (root / "app").mkdir()
    (root / "app/__init__.py").touch()
    return root


@pytest.mark.campaign
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=program())
def test_a_migrated_program_reports_what_it_reported(folder: Path, text: str) -> None:
    try:
        before = run(text)
    except (NameError, AttributeError, TypeError):
        assume(False)  # it reads a name before it binds it: that is its own bug
    path = folder / "app/mod.py"
    path.write_text(text)
    sys.setrecursionlimit(30_000)
    migration = migrate(analyse([str(path)], Settings(root=str(folder))))
    (outcome,) = migration.outcomes or (None,)
    if outcome is None:
        return

    assert outcome.failed is None, f"{outcome.failed}\n{text}"
    assert {kept.reason for kept in outcome.kept} <= {Reason.ROOT_LOGGER}
    if outcome.after is not None:
        after = outcome.after.decode()
        assert run(after) == before, after
