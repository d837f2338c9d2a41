"""Each proof, shown an output that it must refuse."""

from __future__ import annotations

from typing import Any

import pytest

from logshift.model import Span
from logshift.plan.edits import Delete, FilePlan, Insert, Keyword, Replace
from logshift.prove import BYTES, CYCLE, NAMES, PARSES, STABLE, TREE, prove
from logshift.rewrite import CannotRewriteError, Patch, Rewritten, apply_patches, rewrite
from logshift.source import Source


def plan_of(*edits: Any, left: frozenset[str] = frozenset()) -> FilePlan:
    return FilePlan("mod.py", "mod", tuple(edits), (), (), (), left)


def proved(before: str, plan: FilePlan, output: Rewritten, *, again: FilePlan | None = None, cycle: Any = None) -> Any:
    return prove(
        Source("mod.py", before.encode()),
        "mod",
        plan,
        output,
        again=lambda _: again if again is not None else plan_of(),
        cycle=lambda: cycle,
    )


def patched(before: str, *patches: tuple[int, int, str]) -> Rewritten:
    made = tuple(Patch(Span(start, end), text.encode()) for start, end, text in patches)
    return Rewritten("mod.py", apply_patches(before.encode(), made), made)


BEFORE = "import a\nx = a.b\ny = 1\n"
WHERE = Span(13, 16)  # a.b


def test_what_was_planned_is_accepted() -> None:
    assert proved(BEFORE, plan_of(Replace(WHERE, "a.c")), patched(BEFORE, (13, 16, "a.c"))) is None


def test_an_output_that_does_not_parse_is_refused() -> None:
    failed = proved(BEFORE, plan_of(Replace(WHERE, "a.")), patched(BEFORE, (13, 16, "a.")))

    assert failed.proof == PARSES


def test_a_byte_outside_the_edits_is_refused_even_if_it_means_the_same() -> None:
    failed = proved(BEFORE, plan_of(Replace(WHERE, "a.c")), patched(BEFORE, (13, 16, "a.c"), (20, 21, " ")))

    assert failed.proof == BYTES


def test_an_output_that_is_not_made_of_its_patches_is_refused() -> None:
    output = patched(BEFORE, (13, 16, "a.c"))._replace(data=BEFORE.replace("a.b", "a.c").replace("1", "2").encode())

    assert proved(BEFORE, plan_of(Replace(WHERE, "a.c")), output).proof == BYTES


@pytest.mark.parametrize("text", ["a.d", "a.b", "(a.c, 1)"])
def test_an_edit_that_is_not_the_planned_one_is_refused(text: str) -> None:
    failed = proved(BEFORE, plan_of(Replace(WHERE, "a.c")), patched(BEFORE, (13, 16, text)))

    assert failed.proof == TREE


def test_a_keyword_must_come_with_its_value() -> None:
    before = 'f("x", a=1)\n'
    plan = plan_of(Keyword(Span(0, 11), "channel", '"c"'))

    assert proved(before, plan, patched(before, (0, 11, 'f("x", a=1, channel="c")'))) is None
    assert proved(before, plan, patched(before, (0, 11, 'f("x", a=1, channel="d")'))).proof == TREE
    assert proved(before, plan, patched(before, (0, 11, 'f("x", channel="c", a=1)'))).proof == TREE


def test_a_call_dedented_out_of_its_block_is_refused() -> None:
    # What a migration by regular expression did to real code: the body is deleted, its call lands outside.
    before = "if x:\n    import a\n    f()\n"
    line = Span(10, 18)

    assert (
        proved(before, plan_of(Delete(line, line, empties=False)), patched(before, (6, 26, "    pass\nf()\n")))
        is not None
    )
    assert proved(before, plan_of(Delete(line, line, empties=False)), patched(before, (6, 19, ""))) is None


def test_a_name_that_nothing_binds_any_more_is_refused() -> None:
    before = "log = 1\nprint(log)\n"
    line = Span(0, 7)
    failed = proved(before, plan_of(Delete(line, line, empties=False)), patched(before, (0, 8, "")))

    assert failed.proof == NAMES
    assert "`log`" in failed.detail


def test_a_name_that_was_undefined_before_is_none_of_our_business() -> None:
    before = "x = unknown\ny = a\n"

    assert proved(before, plan_of(Replace(Span(16, 17), "b")), patched(before, (16, 17, "x"))).proof == TREE
    assert proved(before, plan_of(Replace(Span(16, 17), "x")), patched(before, (16, 17, "x"))) is None


def test_an_import_newly_unused_is_refused_unless_it_is_left_on_purpose() -> None:
    before = "import a\nx = a\n"
    output = patched(before, (13, 14, "1"))

    assert proved(before, plan_of(Replace(Span(13, 14), "1")), output).proof == NAMES
    assert proved(before, plan_of(Replace(Span(13, 14), "1"), left=frozenset({"a"})), output) is None


def test_a_name_read_at_import_above_its_import_is_refused() -> None:
    before = "x = 1\ny = 2\n"
    plan = plan_of(Replace(Span(4, 5), "sys"), Insert(6, "import sys\n"))
    failed = proved(before, plan, patched(before, (4, 5, "sys"), (6, 6, "import sys\n")))

    assert failed.proof == NAMES
    assert "before it is bound" in failed.detail


def test_an_output_that_a_second_run_would_change_is_refused() -> None:
    failed = proved(
        BEFORE,
        plan_of(Replace(WHERE, "a.c")),
        patched(BEFORE, (13, 16, "a.c")),
        again=plan_of(Replace(Span(0, 1), "x")),
    )

    assert failed.proof == STABLE


def test_a_new_import_cycle_is_refused() -> None:
    failed = proved(BEFORE, plan_of(Replace(WHERE, "a.c")), patched(BEFORE, (13, 16, "a.c")), cycle=("a", "b", "a"))

    assert failed.proof == CYCLE
    assert failed.detail == "a imports b imports a"


def test_edits_that_overlap_are_refused() -> None:
    source = Source("mod.py", b"abc\n")

    with pytest.raises(CannotRewriteError, match="two edits meet"):
        rewrite(source, plan_of(Replace(Span(0, 2), "x"), Replace(Span(1, 3), "y")))


def test_an_edit_of_something_that_is_not_there_is_refused() -> None:
    source = Source("mod.py", b"f(\n  a)\n")

    with pytest.raises(CannotRewriteError, match="nothing stands at the place"):
        rewrite(source, plan_of(Keyword(Span(0, 7), "a", "1"), Keyword(Span(0, 1), "b", "1")))


def test_a_file_that_fails_a_proof_is_left_and_the_run_goes_on(project, monkeypatch) -> None:
    import logshift.migrate as module

    project.write({f"app/{name}.py": "import structlog\n\nlog = structlog.get_logger()\n" for name in ("one", "two")})
    real = module.rewrite

    def wrong(source: Source, plan: FilePlan) -> Rewritten:
        done = real(source, plan)
        if not plan.path.endswith("one.py"):
            return done
        return Rewritten(done.path, done.data.replace(b'"one"', b'"eno"'), done.patches)

    monkeypatch.setattr(module, "rewrite", wrong)
    one, two = project.migrate("app").outcomes

    assert one.after is None
    assert one.failed is not None
    assert [str(kept.reason) for kept in one.kept] == ["proof-failed"]
    assert two.after is not None
