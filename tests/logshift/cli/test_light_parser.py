"""`check` reads a plain command line without click; the two have to agree on every one."""

from __future__ import annotations

import click
from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from logshift.cli import app
from logshift.cli.check import OPTIONS, CheckArguments, parse_plain

WORDS = st.sampled_from(
    [
        *(option.flag for option in OPTIONS),
        *(f"{option.flag}={value}" for option in OPTIONS for value in ("", "text", "json", "x", "=", "--")),
        *(choice for option in OPTIONS for choice in option.choices),
        *(option.flag[:-1] for option in OPTIONS),
        *(option.flag[1:] for option in OPTIONS),
        "--fail-under=80", "--fail-under=nan", "--fail-under=100.5", "80", "-1", "1e1",
        "a.py", "", ".", "-", "--", "---", "-x", "--x", "-h", "--help", "--no-statistics", "JSON", "--Statistics", "é", "a b", "=",
    ]
)  # fmt: skip


def by_click(arguments):
    """Return what click makes of a command line; None if it refuses, or has something else to do."""
    try:
        context = app.check.make_context(
            "check", list(arguments), **app.main.context_settings
        )  # click keeps its help option
    except (click.UsageError, click.exceptions.Exit):
        return None
    return CheckArguments(**context.params)


@given(st.lists(WORDS, max_size=6))
@limits(max_examples=1000, deadline=None)
@example(["--config", "--exit-zero"])
@example(["--config", "--"])
@example(["--", "--config"])
@example(["--output-format", "json", "--output-format", "text"])
@example(["--config="])
@example(["-"])
@example(["--output-format", "x", "--output-format", "text"])
@example(["--output-format", "text", "--output-format", "x"])
def test_both_give_the_same_arguments_or_both_refuse(arguments):
    assert parse_plain(arguments) == by_click(arguments)


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=6), max_size=4))
def test_paths_may_be_anything(arguments):
    assert parse_plain(arguments) == by_click(arguments)


def test_every_option_arrives():
    assert parse_plain(
        [
            *(
                "--output-format",
                "json",
                "--statistics",
                "a",
                "--force-exclude",
                "--exit-zero",
                "--config=c",
                "b",
                "--ratchet",
            ),
            *("--fail-under", "80", "--baseline", "k", "--no-baseline", "--diff-base=main"),
        ]
    ) == CheckArguments(
        ("a", "b"),
        "json",
        statistics=True,
        force_exclude=True,
        exit_zero=True,
        config="c",
        fail_under=80.0,
        baseline="k",
        no_baseline=True,
        ratchet=True,
        diff_base="main",
    )
    assert len(OPTIONS) == len(CheckArguments._fields) - 1
