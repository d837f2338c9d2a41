"""Every key of a TOML document is found, and where it is said to be its text begins."""

from __future__ import annotations

import json
import os
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logshift.config.toml_places import places

FULL = bool(os.environ.get("LOGSHIFT_FULL"))


def paths_of(value, path=()):
    """Yield the path of everything in a document, tables and elements included."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from paths_of(part, (*path, key))


def at(text, place):
    line, column = place
    return text.split("\n")[line - 1][column - 1 :]


def key_at(text):
    """Read the key that `text` begins with."""
    for end in range(1, len(text) + 1):
        try:
            found = tomllib.loads(f"{text[:end]} = 0")
        except tomllib.TOMLDecodeError:
            continue
        if len(found) == 1 and next(iter(found.values())) == 0 and not (text[end:] and _continues(text, end)):
            return next(iter(found))
    return None


def _continues(text, end):
    return text[0] not in "\"'" and (text[end].isalnum() or text[end] in "_-")


EXAMPLES = [
    ("a = 1\nb = 2", {("a",): (1, 1), ("b",): (2, 1)}),
    ("  a = 1", {("a",): (1, 3)}),
    ("a.b.c = 1", {("a",): (1, 1), ("a", "b"): (1, 3), ("a", "b", "c"): (1, 5)}),
    ("a . b = 1", {("a",): (1, 1), ("a", "b"): (1, 5)}),
    ('"a.b".c = 1', {("a.b",): (1, 1), ("a.b", "c"): (1, 7)}),
    ("'' = 1", {("",): (1, 1)}),
    ('"" = 1', {("",): (1, 1)}),
    ('"\\u0061" = 1', {("a",): (1, 1)}),
    ("[a.b]\nc = 1", {("a",): (1, 2), ("a", "b"): (1, 4), ("a", "b", "c"): (2, 1)}),
    ("[ a . 'b' ]", {("a",): (1, 3), ("a", "b"): (1, 7)}),
    ("[a]\n[a.b]\n[c]", {("a",): (1, 2), ("a", "b"): (2, 4), ("c",): (3, 2)}),
    ("[a.b]\n[a]\nc = 1", {("a",): (1, 2), ("a", "b"): (1, 4), ("a", "c"): (3, 1)}),
    ("[[a]]\nb = 1\n[[a]]\nb = 2",
     {("a",): (1, 3), ("a", 0): (1, 3), ("a", 0, "b"): (2, 1), ("a", 1): (3, 3), ("a", 1, "b"): (4, 1)}),
    ("[[a]]\n[[a.b]]\n[a.b.c]\n[[a]]\n[[a.b]]",
     {("a",): (1, 3), ("a", 0): (1, 3), ("a", 0, "b"): (2, 5), ("a", 0, "b", 0): (2, 5), ("a", 0, "b", 0, "c"): (3, 6),
      ("a", 1): (4, 3), ("a", 1, "b"): (5, 5), ("a", 1, "b", 0): (5, 5)}),
    ("a = [1, 'x', [2]]", {("a",): (1, 1), ("a", 0): (1, 6), ("a", 1): (1, 9), ("a", 2): (1, 14), ("a", 2, 0): (1, 15)}),
    ("a = [ # x ]\n  1,\n  2, # ,\n]", {("a",): (1, 1), ("a", 0): (2, 3), ("a", 1): (3, 3)}),
    ("a = { b = 1, c.d = 2 }", {("a",): (1, 1), ("a", "b"): (1, 7), ("a", "c"): (1, 14), ("a", "c", "d"): (1, 16)}),
    ("a = [{b = 1}, {b = 2}]",
     {("a",): (1, 1), ("a", 0): (1, 6), ("a", 0, "b"): (1, 7), ("a", 1): (1, 15), ("a", 1, "b"): (1, 16)}),
    ("a = '[b]\"'\nc = \"# ' \\\" = \"\nd = 1", {("a",): (1, 1), ("c",): (2, 1), ("d",): (3, 1)}),
    ('a = """\nb = 1\\"""" # """\nc = \'\'\'\n[d]\n\'\'\'\'\ne = """"x"""""\nf = 1',
     {("a",): (1, 1), ("c",): (3, 1), ("e",): (6, 1), ("f",): (7, 1)}),
    ('a = """"""\nb = \'\'\'\'\'\'\nc = ""\nd = [""]', {("a",): (1, 1), ("b",): (2, 1), ("c",): (3, 1), ("d",): (4, 1), ("d", 0): (4, 6)}),
    ("a = 1979-05-27 07:32:00 # x\nb = -inf", {("a",): (1, 1), ("b",): (2, 1)}),
    ("# a = 1\n\n\t# x\nb = 1", {("b",): (4, 1)}),
    ("a = 1\r\n\r\n[b]\r\nc = [\r\n1,\r\n]", {("a",): (1, 1), ("b",): (3, 2), ("b", "c"): (4, 1), ("b", "c", 0): (5, 1)}),
    ("'é' = 1 # é\nb.c = 'é'", {("é",): (1, 1), ("b",): (2, 1), ("b", "c"): (2, 3)}),
    ("", {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_keys_are_found_at_their_places(text, expected):
    assert sorted(paths_of(tomllib.loads(text)), key=str) == sorted(expected, key=str)
    assert places(text) == expected


# -- any document ------------------------------------------------------------------------------------------

TEXT = st.text(st.sampled_from("ab #=.[]{}'\",\\\té😀"), max_size=5)
KEY = st.one_of(st.sampled_from(["a", "b", "key", "a-b", "1"]), TEXT)
SCALAR = st.one_of(
    st.integers().map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.sampled_from(["1979-05-27T07:32:00Z", "1979-05-27 07:32:00", "07:32:00", "-1.5e3", "nan", "0xdead_beef"]),
)
VALUE = st.recursive(
    st.one_of(SCALAR.map(lambda text: ("raw", text)), TEXT.map(lambda text: ("text", text))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: ("list", items)),
        st.dictionaries(KEY, inner, max_size=3).map(lambda items: ("table", items)),
    ),
    max_leaves=6,
)


@st.composite
def documents(draw):
    """Write a document: tables, arrays of tables and pairs in any spelling, with blanks and comments anywhere."""
    blank = st.sampled_from(["", " ", "\t "])
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    gap = st.sampled_from(["", newline, f" # '[x] = {newline}", f"{newline}{newline}\t"])

    def quoted(text):
        forms = [json.dumps(text, ensure_ascii=False), json.dumps(text).replace("\\ud83d\\ude00", "\\U0001f600")]
        if "'" not in text and "\t" not in text:
            forms.append(f"'{text}'")
        return forms

    def key(text):
        bare = bool(text) and all(char.isascii() and (char.isalnum() or char in "_-") for char in text)
        return draw(st.sampled_from([*quoted(text), *([text] * 2 if bare else [])]))

    def dotted(parts):
        return "".join(
            (draw(blank) + "." + draw(blank) if index else "") + key(part) for index, part in enumerate(parts)
        )

    def string(text):
        escaped = json.dumps(text, ensure_ascii=False)[1:-1]
        forms = [*quoted(text), f'"""{escaped}"""', f'"""{newline}{escaped}"""', f'"""\\{newline}  {escaped}"""']
        if "'" not in text:
            forms.append(f"'''{newline}{text}'''")
        return draw(st.sampled_from(forms))

    def value(kind, content):
        if kind == "raw":
            return content
        if kind == "text":
            return string(content)
        if kind == "list":
            items = [draw(gap) + draw(blank) + value(*item) + draw(gap) for item in content]
            return "[" + ",".join(items) + (draw(st.sampled_from(["", "," + draw(gap)])) if items else draw(gap)) + "]"
        items = [
            f"{draw(blank)}{key(name)}{draw(blank)}={draw(blank)}{inline(*item)}{draw(blank)}"
            for name, item in content.items()
        ]
        return "{" + ",".join(items) + "}"

    def inline(kind, content):
        return value(kind, content)

    text = ""
    for _ in range(draw(st.integers(0, 5))):
        header = draw(st.lists(KEY, min_size=1, max_size=3))
        form = draw(st.sampled_from(["pair", "pair", "table", "array"]))
        if form == "pair":
            line = f"{dotted(header)}{draw(blank)}={draw(blank)}{value(*draw(VALUE))}"
        else:
            opening, closing = ("[", "]") if form == "table" else ("[[", "]]")
            line = f"{opening}{draw(blank)}{dotted(header)}{draw(blank)}{closing}"
        added = text + draw(blank) + line + draw(st.sampled_from(["", " # x = 1"])) + newline
        try:  # what TOML forbids, such as a key twice, is left out
            tomllib.loads(added)
        except tomllib.TOMLDecodeError:
            continue
        text = added
    return text


@given(text=documents())
@settings(max_examples=5000 if FULL else 300, deadline=None)
@pytest.mark.campaign
def test_every_key_of_a_document_is_found_where_its_text_begins(text):
    document = tomllib.loads(text)
    found = places(text)
    assert sorted(found, key=str) == sorted(paths_of(document), key=str)
    for path, place in found.items():
        if isinstance(path[-1], str):
            assert key_at(at(text, place).rstrip("\r")) == path[-1], (path, place)


@given(text=documents())
@settings(max_examples=2000 if FULL else 100, deadline=None)
@pytest.mark.campaign
def test_elements_are_found_where_their_text_begins(text):
    document = tomllib.loads(text)
    for path, (line, column) in places(text).items():
        value = document
        for part in path:
            value = value[part]
        if isinstance(path[-1], int) and isinstance(value, bool):
            rest = "\n".join(text.split("\n")[line - 1 :])[column - 1 :]
            assert rest.startswith(str(value).lower())
        elif isinstance(path[-1], int) and isinstance(value, str):
            rest = "\n".join(text.split("\n")[line - 1 :])[column - 1 :]
            assert rest.startswith(("'", '"'))
