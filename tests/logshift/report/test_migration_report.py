"""What `migrate` says: what moved, what was proved, what stays and why – and nothing of what did not happen."""

from __future__ import annotations

import json
import re

import pytest

from logshift import migrate as migrating
from logshift.model import Reason
from logshift.prove import PROOFS, Failed
from logshift.reasons import EXPLANATIONS

MOVABLE = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef run(n):\n    logger.info('run %d', n)\n"
MANUAL = "from logging import *\n\nlogger = getLogger('x')\nlogger.info('a')\n"


def test_one_file_is_told_in_the_singular(project, logshift):
    project({"a.py": MOVABLE})
    lines = re.sub(r"\d{8}T\d{6}Z-\d{4}", "RUN", logshift("migrate").out).split("\n")
    assert [re.sub(r"\d$", "N", line) for line in lines[:5]] == [
        "file    logger                         moved  edits",
        'a.py    UniversalFrameworkLogger("a")      1      N',
        "1 file                                     1      N",
        "",
        "Proofs on 1 file:",
    ]
    assert lines[5:-3] == [f"  ✓ {proof} (1)" for proof in PROOFS]
    assert lines[-3:] == ["1 logger moved in 1 file.", "Hint: `logshift rollback RUN` restores every byte.", ""]


def test_what_stays_is_told_with_its_reason(project, logshift):
    project({"a.py": MANUAL, "b.py": MOVABLE})
    out = logshift("migrate").out
    assert f"a.py:3:10 kept (star-import) {EXPLANATIONS[Reason.STAR_IMPORT].means}" in out
    assert "1 logger moved in 1 file." in out


def test_nothing_written_is_not_nothing_to_do(project, logshift):
    root = project({"a.py": MANUAL})
    assert logshift("migrate").out.endswith("\nNothing was written.\n")
    (root / "a.py").write_text("x = 1\n")
    assert logshift("migrate").out == "Nothing to do.\n"


@pytest.mark.parametrize("proof", PROOFS)
def test_failed_proof_is_told_and_its_file_is_left(project, logshift, monkeypatch, proof):
    root = project({"a.py": MOVABLE, "b.py": MOVABLE})
    real = migrating.prove

    def prove(source, *arguments, **named):
        return Failed(proof, "of this") if source.path == "a.py" else real(source, *arguments, **named)

    monkeypatch.setattr(migrating, "prove", prove)
    told = logshift("migrate", "--diff")
    assert f"logshift: a.py stays: {proof}: of this\n" in told.err
    assert "logshift: 1 logger would stay; `logshift explain PATH` says why\n" in told.err
    assert "b/a.py" not in told.out
    assert f"  but: the proof “{proof}” fails: of this\n" in logshift("explain", "a.py").out
    out = logshift("migrate").out
    reason = "import-cycle" if proof == PROOFS[-1] else "proof-failed"
    assert f"a.py:3:10 kept ({reason}) {proof}: of this\n" in out
    index = PROOFS.index(proof)
    marks = re.findall(r"^  ([✓✗]) (.+) \((\d)\)$", out, re.MULTILINE)
    assert marks == [
        ("✗" if each == proof else "✓", each, "2" if at < index else "1") for at, each in enumerate(PROOFS)
    ]
    assert (root / "a.py").read_text() == MOVABLE
    assert (root / "b.py").read_text() != MOVABLE


def test_runs_are_listed_with_what_they_did(project, logshift):
    root = project({"a.py": MOVABLE})
    assert logshift("runs").out == "No migration has been run here.\n"
    logshift("migrate")
    (root / "b.py").write_text(MOVABLE)
    (root / "c.py").write_text(MOVABLE)
    logshift("migrate")
    logshift("rollback", "b.py")
    listed = [re.split("  +", line) for line in logshift("runs").out.splitlines()]
    assert [line[2:] for line in listed] == [["1 file", "committed"], ["2 files, 1 restored", "committed"]]
    assert [line[0][-5:] for line in listed] == ["-0001", "-0002"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", line[1]) for line in listed)


STRUCTLOG = "import structlog\n\nlog = structlog.get_logger()\nlog.info('served', n=1)\n"
NOTE = "note: nothing in the project calls structlog.configure: so far every event of 1 structlog logger was printed;"


@pytest.mark.parametrize(
    ("other", "is_told"),
    [
        ("x = 1\n", True),
        ("import other\n\nother.configure()\n", True),
        ("import structlog\n\nstructlog.configure()\n", False),
        ("from structlog import configure_once as once\n\nonce()\n", False),
        ("from structlog import *\n", False),
    ],
)
def test_events_that_nobody_prints_any_more_are_told_of(project, logshift, other, is_told):
    project({"a.py": STRUCTLOG, "other.py": other})
    assert (f"logshift: {NOTE}" in logshift("migrate", "--diff").err) == is_told
    told = json.loads(logshift("migrate", "--diff", "--output-format", "json").out)
    assert [f"note: {note}".startswith(NOTE) for note in told["migration"]["notes"]] == [True] * is_told
    assert (f"\n{NOTE}" in logshift("migrate").out) == is_told


def test_loggers_that_printed_nothing_need_no_note(project, logshift):
    project({"a.py": MOVABLE})
    assert "note:" not in logshift("migrate").out
