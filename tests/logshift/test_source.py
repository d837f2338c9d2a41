"""Places in files: whatever the encoding, the line ends and the characters, a span holds what the parser saw there.

https://peps.python.org/pep-0263/
"""

from __future__ import annotations

import ast
import os
import sys
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logshift.model import Position, Span
from logshift.source import BOM, Source, UndecodableError

FULL = bool(os.environ.get("LOGSHIFT_FULL"))

# -- which encoding ----------------------------------------------------------------------------------------

COOKIES = [
    (b"", "utf-8"),
    (b"x = 1\n", "utf-8"),
    (BOM + b"x = 1\n", "utf-8"),
    (b"# coding: latin-1\n", "iso-8859-1"),
    (b"# coding: ISO_8859_1\n", "iso-8859-1"),
    (b"# coding: iso-latin-1-unix\n", "iso-8859-1"),
    (b"# -*- coding: cp1252 -*-\n", "cp1252"),
    (b"# vim: set fileencoding=shift_jis :\n", "shift-jis"),
    (b"#coding:utf-8-unix\n", "utf-8"),
    (b"# coding: UTF_8\n", "utf-8"),
    (b"# coding: utf-8-sig\n", "utf-8"),
    (b"# coding: utf8\n", "utf-8"),
    (b"# coding: ascii\n", "ascii"),
    (BOM + b"# coding: utf-8\n", "utf-8"),
    (b"#!/usr/bin/python\n# coding: cp1252\n", "cp1252"),
    (b"\n# coding: cp1252\n", "cp1252"),
    (b"\f\t # coding: cp1252\n", "cp1252"),
    (b"# one\r# coding: cp1252\r", "cp1252"),
    (b"# one\r\n# coding: cp1252\r\n", "cp1252"),
    (b"# coding: cp1252", "cp1252"),
    # near misses
    (b"# one\n# two\n# coding: cp1252\n", "utf-8"),
    (b"x = 1\n# coding: cp1252\n", "utf-8"),
    (b"x = 1  # coding: cp1252\n", "utf-8"),
    (b"'''\n# coding: cp1252\n'''\n", "utf-8"),
    (b"# coding cp1252\n", "utf-8"),
    (b"# coding :cp1252\n", "utf-8"),
    (b"# one \f# two\n\n# coding: cp1252\n", "utf-8"),
]


@pytest.mark.parametrize(("data", "encoding"), COOKIES)
def test_encoding_is_the_one_that_the_file_declares(data, encoding):
    assert Source("a.py", data).encoding == encoding


CODECS = ["utf-8", "latin-1-unix", "cp1252", "shift_jis", "euc_jp", "gb18030", "big5", "koi8_r", "cp437", "iso2022_jp",
          "mac_roman", "utf-7", "hz", "cp037", "utf-16", "utf_32_be", "hex", "rot13", "base64", "idna", "undefined",
          "punycode", "unicode_escape", "raw_unicode_escape", "nonsense", "utf-8-nonsense", "UTF8-nonsense"]  # fmt: skip


@pytest.mark.parametrize("codec", CODECS)
def test_encoding_is_refused_where_python_refuses_it(codec):
    data = f"# coding: {codec}\nx = 'a' + y\n".encode()
    try:
        ast.parse(data)
    except (SyntaxError, LookupError, ValueError):
        with pytest.raises(UndecodableError):
            Source("a.py", data)
    else:
        assert Source("a.py", data).text(Span(0, len(data))) == data.decode()


REFUSED = [
    (b"x = '\xff'\n", 1, 6, "byte 0xff is not valid utf-8"),
    (b"# coding: utf-8\n\nxy = '\xc3'\n", 3, 7, "byte 0xc3 is not valid utf-8"),
    (b"\xc3\xa9 = '\xff'\n", 1, 6, "byte 0xff"),
    (BOM + b"x = '\xff'\n", 1, 6, "byte 0xff"),
    (b"# coding: ascii\nx = '\xe9'\n", 2, 6, "byte 0xe9 is not valid ascii"),
    (b"# coding: cp1252\r\rx = '\x81'\r", 3, 6, "byte 0x81"),
    (b"# coding: shift_jis\nx = '\x82'\n", 2, 6, "byte 0x82"),
    (b"# coding: nonsense\n", 1, 1, "unknown encoding: nonsense"),
    (BOM + b"# coding: latin-1\n", 1, 1, "byte order mark but declares latin-1"),
    ("x = 1\n".encode("utf-16"), 1, 1, "byte 0xff"),
    (b"# coding: utf-16\nx = 1\n", 1, 1, "not written in it"),
    (b"# coding: unicode_escape\nx = 1\\ny = 2\n", 1, 1, "hides the ends of lines"),
    (b"# coding: utf-7\nx = 1+AAo-y = 2\n", 1, 1, "hides the ends of lines"),
]


@pytest.mark.parametrize(("data", "line", "column", "message"), REFUSED)
def test_bytes_that_are_not_text_are_refused_with_their_place(data, line, column, message):
    with pytest.raises(UndecodableError, match=message) as caught:
        Source("a.py", data)
    assert (caught.value.line, caught.value.column) == (line, column)


# -- lines and columns -------------------------------------------------------------------------------------

PLACES = [
    # the file; the bytes before the place; line and column
    (b"", b"", (1, 1)),
    (b"ab", b"ab", (1, 3)),
    (b"ab\n", b"ab", (1, 3)),
    (b"ab\n", b"ab\n", (2, 1)),
    (b"a\r\nb", b"a\r\n", (2, 1)),
    (b"a\rb\n\r\nc", b"a\rb\n\r\n", (4, 1)),
    (
        b"a\x0cb\x0b\x1c\xc2\x85\xe2\x80\xa8c",
        b"a\x0cb\x0b\x1c\xc2\x85\xe2\x80\xa8",
        (1, 8),
    ),  # none of these ends a line
    (b"\tx", b"\t", (1, 2)),
    ("é = 1".encode(), "é".encode(), (1, 2)),
    ("😀 = '😀'; x".encode(), "😀 = '😀'; ".encode(), (1, 10)),
    (BOM + b"x", BOM, (1, 1)),
    (BOM + b"x = 1\ny", BOM + b"x", (1, 2)),
    (BOM + b"x = 1\ny", BOM + b"x = 1\n", (2, 1)),
    (b"# coding: latin-1\n\xe9\xe9x", b"# coding: latin-1\n\xe9\xe9", (2, 3)),
    ("# coding: shift_jis\n'あい'x".encode("shift_jis"), "# coding: shift_jis\n'あい'".encode("shift_jis"), (2, 5)),
]


@pytest.mark.parametrize(("data", "before", "place"), PLACES)
def test_column_counts_code_points_and_lines_end_as_python_ends_them(data, before, place):
    assert data.startswith(before)
    assert Source("a.py", data).position(len(before)) == Position(*place)


@pytest.mark.parametrize(
    ("data", "newline"),
    [(b"", "\n"), (b"x", "\n"), (b"x\ny\r\n", "\n"), (b"x\r\ny\n", "\r\n"), (b"x\ry\n", "\r"), (b"x\x0c\r\n", "\r\n")],
)
def test_newline_is_the_first_of_the_file(data, newline):
    assert Source("a.py", data).newline == newline


def test_line_begins_and_ends_around_a_place():
    source = Source("a.py", b"ab\r\ncd\ref\n\n")
    for offset, start, end, following in [(1, 0, 2, 4), (4, 4, 6, 7), (6, 4, 6, 7), (9, 7, 9, 10), (10, 10, 10, 11)]:
        assert source.line_start(offset) == start, offset
        assert source.line_end(offset) == end, offset
        assert source.next_line(offset) == following, offset
    assert Source("a.py", b"ab").next_line(1) == Source("a.py", b"ab").line_end(1) == 2


def test_text_is_written_as_the_file_would_hold_it():
    source = Source("a.py", b"# coding: cp1252\n")
    assert source.encode("“é”") == b"\x93\xe9\x94"
    assert source.encode("'Ω'") == b"'\\u03a9'"  # what the encoding lacks, as an escape
    assert Source("a.py", b"").encode("Ω") == "Ω".encode()


def test_encoding_that_gives_other_bytes_back_is_told_of():
    assert Source("a.py", b"x").round_trips
    assert Source("a.py", "# coding: shift_jis\n'あ'\n".encode("shift_jis")).round_trips
    assert not Source("a.py", b"# coding: utf-7\n'+AOk-'  # +AGE-\n").round_trips


# -- every node of every source ----------------------------------------------------------------------------

ALPHABETS = {
    "utf-8": "aéΩあ😀\N{COMBINING ACUTE ACCENT}",
    "iso-8859-1": "aéÿ¿",
    "cp1252": "aé“”€œ",
    "shift_jis": "aあｱ表ソ",  # the last two end in a byte that is a backslash in ASCII
    "euc_jp": "aあ表",
    "gb18030": "aé中😀",
    "big5": "a功許",
    "koi8_r": "aяЖ",
    "iso2022_jp": "aあ表",
    "ascii": "ab",
}
LINES = [
    "x = '§'", "§ = y['§']", "f('§', §=[1, '§'], *§)", "if x:\n\treturn_ = '§' ; y = §", "def f(§: int = '§') -> '§': pass",
    "class A:\n    '''§\n§'''\n    §.b = c", "x = (\n    § +\n    y)", "# §\nx", "'''§\n\n§''' ; y", "z = x \\\n  + §", "\f\nx = §",
    "with a as §, b: pass", "[§ for § in '§' if §]", "lambda §: '§'", "x = {'§': §, **y}", "@§\ndef g(): pass", "", "'§' '§'",
    "try:\n  '§'\nexcept § as e: §", "b'a' ; y", "x = f('§') if § else '§'.g(§)[§:'§']",
]  # fmt: skip


@st.composite
def sources(draw):
    encoding = draw(st.sampled_from(sorted(ALPHABETS)))
    alphabet = ALPHABETS[encoding]
    letters = st.text(st.sampled_from([char for char in alphabet if char.isidentifier()]), min_size=1, max_size=4)
    anything = st.text(st.sampled_from(alphabet), max_size=4)
    text = ""
    for line in draw(st.lists(st.sampled_from(LINES), max_size=6)):
        for quoted, part in enumerate(line.split("§")):
            in_quotes = quoted and text.count("'") % 2 == 1
            text += (draw(anything if in_quotes or text.endswith("# ") else letters) if quoted else "") + part
        text += draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    first = draw(st.sampled_from(["bom", "none"] if encoding == "utf-8" else ["cookie"]))
    cookie = f"# coding: {encoding}\n" if first == "cookie" else ""
    return (BOM if first == "bom" else b"") + (cookie + text).encode(encoding)


def parsed(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(data)


def same(text, node):
    """Say whether `text` alone parses to `node`."""
    try:
        if isinstance(node, ast.stmt):
            found = ast.parse("\n".join(line.strip() for line in text.split("\n")) if "'''" not in text else text).body[
                0
            ]
        else:
            found = ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        return False
    return ast.dump(found) == ast.dump(node)


def places_of(tree):
    """Yield the nodes whose text means the same anywhere."""
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Name, ast.Call, ast.Attribute, ast.Dict, ast.Lambda, ast.ListComp, ast.Constant))
            and (not isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)))
        ) or isinstance(node, (ast.Assign, ast.Expr)):
            yield node


@given(data=sources())
@settings(max_examples=5000 if FULL else 300, deadline=None)
@pytest.mark.campaign
def test_text_at_the_span_of_a_node_parses_to_that_node(data):
    tree = parsed(data)
    source = Source("a.py", data)
    text = data.removeprefix(BOM).decode(source.encoding)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for node in places_of(tree):
        span = source.span(node)
        found = source.text(span).replace("\r\n", "\n").replace("\r", "\n")
        assert same(found, node), (found, ast.dump(node))
        assert found == ast.get_source_segment("\n".join(lines), node)
        line = lines[node.lineno - 1]
        column = len(line.encode()[: node.col_offset].decode()) + 1
        assert source.position(span.start) == Position(node.lineno, column)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="f-strings have no places of their own before 3.12")
def test_text_at_a_span_inside_an_fstring_is_the_node():
    data = "# coding: cp1252\nx = f'é{é.name}€{y!r:>{wé}}'\n".encode("cp1252")
    source = Source("a.py", data)
    names = [node for node in ast.walk(parsed(data)) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    assert sorted(source.text(source.span(node)) for node in names) == sorted(node.id for node in names)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_source_or_undecodable(data):
    try:
        source = Source("a.py", data)
    except UndecodableError as error:
        place = Position(error.line, error.column)
        source = None
    else:
        place = min(source.position(offset) for offset in range(len(data) + 1))
        assert [source.line_start(at) for at in source.starts] == [*source.starts[:-1], source.starts[-2]]
    assert place >= (1, 1)
    assert place.column >= 1
