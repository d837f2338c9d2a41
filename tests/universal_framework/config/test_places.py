"""Places: every key and value is found where its text begins, and a linter that knows the schema says the same."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universal_framework.config.production_validator import examine
from universal_framework.config.toml_places import locate

from .conftest import ENVIRON, PRODUCTION

FULL = bool(os.environ.get("LOGSHIFT_FULL"))


def test_every_form_of_key_and_value_is_found():
    text = 'a.b.c = 1\n[[srv]]\nx=1\n[[srv]]\n  y = {z=1, "w" = \'q\'}\n[t."q.r"]\nk = """a\n]b"""\nl = [ 1,\n # c]\n  "x"]\n'
    found = locate(text)
    assert {path: (*place.key, *place.value) for path, place in found.items()} == {
        ("a",): (1, 1, 1, 1), ("a", "b"): (1, 3, 1, 3), ("a", "b", "c"): (1, 5, 1, 9),
        ("srv",): (2, 3, 2, 3), ("srv", 0): (2, 3, 2, 3), ("srv", 0, "x"): (3, 1, 3, 3), ("srv", 1): (4, 3, 4, 3),
        ("srv", 1, "y"): (5, 3, 5, 7), ("srv", 1, "y", "z"): (5, 8, 5, 10), ("srv", 1, "y", "w"): (5, 13, 5, 19),
        ("t",): (6, 2, 6, 2), ("t", "q.r"): (6, 4, 6, 4), ("t", "q.r", "k"): (7, 1, 7, 5), ("t", "q.r", "l"): (9, 1, 9, 5),
        ("t", "q.r", "l", 0): (9, 7, 9, 7), ("t", "q.r", "l", 1): (11, 3, 11, 3),
    }  # fmt: skip


def paths_of(value, path=()):
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths_of(inner, (*path, key))


NAME = st.text("ab-_1", min_size=1, max_size=3)
VALUE = st.recursive(
    st.sampled_from(["1", "true", '"x"', "'#'", '"""\n]"""', "1979-05-27", "-1.5"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[ " + " ,\n".join(items) + "\n]"),
        st.dictionaries(NAME, inner.filter(lambda one: "\n" not in one), max_size=2).map(
            lambda table: "{" + ", ".join(f" {key} = {one}" for key, one in table.items()) + "}"
        ),
    ),
    max_leaves=5,
)
LINE = st.one_of(
    st.tuples(st.lists(NAME, min_size=1, max_size=3).map(" . ".join), VALUE).map(
        lambda pair: f"{pair[0]} = {pair[1]} # c"
    ),
    st.lists(NAME, min_size=1, max_size=2).map(lambda parts: f"[ {'.'.join(parts)} ]"),
    NAME.map(lambda name: f"[[{name}]]"),
    st.just("# comment = 1"),
)


@given(st.lists(LINE, max_size=8))
@settings(max_examples=3000 if FULL else 200, deadline=None)
@pytest.mark.campaign
def test_every_path_of_a_document_is_found_where_its_text_begins(lines):
    text = ""
    for line in lines:  # what TOML forbids, such as a key twice, is left out
        try:
            tomllib.loads(f"{text}{line}\n")
        except tomllib.TOMLDecodeError:
            continue
        text += f"{line}\n"
    document = tomllib.loads(text)
    found = locate(text)
    assert sorted(found, key=str) == sorted(paths_of(document), key=str)
    rows = text.split("\n")
    for path, (key, value) in found.items():
        if isinstance(path[-1], str):
            assert rows[key.line - 1][key.column - 1 :].startswith(path[-1])
            if key != value:
                before = rows[value.line - 1][: value.column - 1]
                assert re.search(r"=\s*$", before)


# -- tombi -----------------------------------------------------------------------------------------------------

TOMBI = shutil.which("tombi", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
WRONG = ["max_conections = 5", "nonesuch = true", "  x_y = 1", '"quoted" = 2']
VALUES = {"true": '"x"', "false": "3", "number": '"abc"', "text": "7", "large": "-5"}
#: Settings of recovery and monitoring that the plan's file leaves at their defaults.
MORE = """fallback_timeout = 5
max_concurrency = 8
failure_rate_threshold = 0.5
minimum_calls = 10
half_open_max_wait = 60
wait_jitter = 0.1

[error_recovery.agents.email_generator]
enabled = true
agent_timeout = 60
permitted_in_half_open = 2
slow_call_rate_threshold = 0.9
"""


def broken(source, chance):
    """Break some lines of the plan's file: unknown keys, wrong types, values out of range, names out of the choice."""
    lines = []
    for line in source.splitlines():
        key, equals, value = line.partition(" = ")
        if equals and chance.random() < 0.2:
            kind = "text" if value.startswith('"') else "number" if value[0].isdigit() else value
            indent = " " * chance.randrange(4)
            wrong = chance.choice([VALUES[kind], VALUES["large"] if kind == "number" else VALUES[kind]])
            line = f"{indent}{key}{' ' * chance.randrange(1, 4)}={' ' * chance.randrange(1, 4)}{wrong}"  # noqa: PLW2901
        lines.append(line)
        if equals and chance.random() < 0.08:
            lines.append(chance.choice(WRONG))
    return "\n".join(lines) + "\n"


@pytest.mark.campaign
@pytest.mark.skipif(TOMBI is None, reason="tombi is not installed: pip install tombi")
def test_errors_stand_where_tombi_finds_them(tmp_path):
    chance = random.Random(4)
    shutil.copy(PRODUCTION.parent / "production.schema.json", tmp_path)
    source = PRODUCTION.read_text().replace("${REDIS_URL}", "redis://h") + MORE
    different = []
    for number in range(200 if FULL else 12):
        path = tmp_path / f"{number}.toml"
        path.write_text(broken(source, chance))
        text = path.read_text()
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        done = subprocess.run(
            [TOMBI, "lint", "--offline", str(path)], capture_output=True, text=True, check=False, cwd=tmp_path,
            env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        theirs = {
            (int(line), int(column)) for line, column in re.findall(r"\.toml:(\d+):(\d+)", done.stdout + done.stderr)
        }
        issues = examine(str(path), {"OPENAI_API_KEY": ENVIRON["OPENAI_API_KEY"]}).report.issues
        ours = {
            (one.source.line, one.source.column) for one in issues if one.code.startswith("config.") and one.source.line
        }
        if theirs != ours:
            different.append((number, sorted(theirs ^ ours), done.stdout + done.stderr, text))
    assert different == []
