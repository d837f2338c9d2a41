"""The text of a file survives: encodings, newlines, odd white space, and everything that is not edited."""

from __future__ import annotations

import sys

import pytest

from logshift.model import Reason

BEFORE = 'import logging\n\nlogger = logging.getLogger(__name__)\nlogger.info("grüße")\n'
AFTER = (
    "from universal_framework.observability.unified_logger import UniversalFrameworkLogger\n"
    '\nlogger = UniversalFrameworkLogger("mod")\nlogger.info("grüße")\n'
)


@pytest.mark.parametrize(
    ("cookie", "encoding"),
    [
        ("", "utf-8"),
        ("# -*- coding: latin-1 -*-\n", "latin-1"),
        ("# vim: set fileencoding=cp1252 :\n", "cp1252"),
        ("#!/usr/bin/python\n# coding: iso-8859-15\n", "iso-8859-15"),
    ],
)
def test_an_encoding_survives(project, cookie: str, encoding: str) -> None:
    project.write({"app/mod.py": (cookie + BEFORE).encode(encoding)})

    assert project.after() == (cookie + AFTER).encode(encoding)


def test_text_before_an_edit_on_its_line_does_not_shift_it(project) -> None:
    before = "# coding: latin-1\nimport structlog\nx = 'äöü'; log = structlog.get_logger('mod'); log.info('ä', a='ö')\n"
    project.write({"app/mod.py": before.encode("latin-1")})

    assert (
        b"x = '\xe4\xf6\xfc'; log = UniversalFrameworkLogger(\"mod\"); log.info('\xe4', a='\xf6')\n" in project.after()
    )


def test_a_byte_order_mark_survives(project) -> None:
    project.write({"app/mod.py": b"\xef\xbb\xbf" + BEFORE.encode()})

    assert project.after() == b"\xef\xbb\xbf" + AFTER.encode()


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_newlines_survive(project, newline: str) -> None:
    project.write({"app/mod.py": BEFORE.replace("\n", newline).encode()})

    assert project.after() == AFTER.replace("\n", newline).encode()


def test_mixed_newlines_survive_where_nothing_is_edited(project) -> None:
    before = b'import structlog\r\nlog = structlog.get_logger()\nx = 1\r\ny = """a\r\nb\n"""\rz = 2\n'
    project.write({"app/mod.py": before})

    assert project.after().endswith(b'x = 1\r\ny = """a\r\nb\n"""\rz = 2\n')


def test_a_call_over_several_crlf_lines_keeps_them(project) -> None:
    before = b'import structlog\r\n\r\n\r\ndef f():\r\n    log = structlog.get_logger("f")\r\n    log.info(\r\n        "x",\r\n    )\r\n'
    project.write({"app/mod.py": before})

    assert b'    logger.info(\r\n        "x",\r\n        channel="f",\r\n    )\r\n' in project.after()
    assert project.after().count(b"\n") == project.after().count(b"\r\n")


def test_a_missing_final_newline_stays_missing(project) -> None:
    project.write({"app/mod.py": b"import structlog\nlog = structlog.get_logger()"})

    assert project.after().endswith(b'log = UniversalFrameworkLogger("mod")')


def test_an_import_on_the_last_line_without_a_newline(project) -> None:
    project.write({"app/mod.py": b"log = 1\nimport structlog; log = structlog.get_logger()"})

    assert b"structlog" not in project.after()
    compile(project.after(), "mod.py", "exec")


def test_a_form_feed_survives(project) -> None:
    before = b"import structlog\n\x0c\nlog = structlog.get_logger()\n\x0cx = 1\n"
    project.write({"app/mod.py": before})

    assert b"\n\x0c\nlog = " in project.after()
    assert project.after().endswith(b"\n\x0cx = 1\n")


def test_tabs_survive(project) -> None:
    before = (
        'import structlog\n\n\ndef f():\n\tif x:\n\t\tlog = structlog.get_logger("f")\n\t\tlog.info("a",\n\t\t\tb=1)\n'
    )
    project.write({"app/mod.py": before})

    assert '\tif x:\n\t\tlogger.info("a",\n\t\t\tb=1,\n\t\t\tchannel="f")\n' in project.after().decode()


def test_unicode_line_separators_are_no_lines(project) -> None:
    before = "import structlog\nx = 'a\u2028b\x85c'; log = structlog.get_logger()\nlog.info('\U0001f600', a=log)\n"
    project.write({"app/mod.py": before})

    assert "x = 'a\u2028b\x85c'; log = UniversalFrameworkLogger(\"mod\")\n" in project.after().decode()


@pytest.mark.parametrize(
    ("data", "message", "line", "column"),
    [
        (b"import logging\nx = 'caf\xe9'\n", "not valid utf-8", 2, 9),
        (b"# coding: nonsense\nimport logging\n", "unknown encoding: nonsense", 1, 1),
        (b"\xef\xbb\xbf# coding: latin-1\nimport logging\n", "byte order mark", 1, 1),
        (b"import logging\ndef f(:\n", "syntax error", 2, 7),
        (b"import logging\nx = 1\0\n", "null", 2, 6),
        (b"import logging\nprint 'python 2'\n", "syntax error", 2, 1),
    ],
)
def test_a_file_that_is_not_python_is_named_with_its_place(
    project, data: bytes, message: str, line: int, column: int
) -> None:
    project.write({"app/mod.py": data, "app/fine.py": "import logging\n\nlog = logging.getLogger(__name__)\n"})
    analysis = project.check("app")

    (one,) = analysis.unanalysed
    assert (one.path, one.line, one.column) == ("app/mod.py", line, column)
    assert message in one.message
    assert len(analysis.findings) == 1


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("x = " + " + ".join(["'a'"] * 1_000), id="1,000 terms"),
        pytest.param("if a: pass\n" + "elif b: pass\n" * 900, id="900 elifs"),
        pytest.param("x = a" + ".b" * 2_000, id="2,000 attributes"),
        pytest.param("x = " + "[" * 90 + "]" * 90, id="90 brackets"),
        pytest.param("x = f()" + ".g()" * 700, id="700 calls"),
    ],
)
def test_deep_sources_do_not_break_the_run(project, source: str) -> None:
    project.write({"app/mod.py": f"import structlog\nlog = structlog.get_logger()\n{source}\n"})

    (outcome,) = project.migrate().outcomes
    if sys.version_info[:2] == (3, 12) and outcome.after is None:  # its parser's limit cannot be raised
        assert [(kept.reason, kept.detail) for kept in outcome.kept] == [
            (Reason.PROOF_FAILED, "the edits can be carried out: the file nests too deeply")
        ]
        return
    assert outcome.after.endswith(f"{source}\n".encode())
    assert b"UniversalFrameworkLogger" in outcome.after


def test_generated_files_are_left_and_counted(project) -> None:
    project.write({"app/mod.py": "# @generated by a tool\nimport logging\nlog = logging.getLogger('x')\n"})

    assert not project.check("app").findings
    assert project.check("app").excluded.generated == 1
