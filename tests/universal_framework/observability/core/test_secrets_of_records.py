"""A handler that is not ours gets records of the house logger: they hold no secret, and lose nothing else."""

from __future__ import annotations

import traceback

CARD = "4111 1111 1111 1111"


def _shown(record) -> str:
    return repr(vars(record)) + "".join(traceback.format_exception(record.exc_info[1]) if record.exc_info else "")


def test_a_secret_in_the_cause_of_an_exception_is_hidden(tree) -> None:
    error = ValueError("outer")
    error.__cause__ = KeyError(f"no {CARD}")
    tree.logger().error("failed", exc_info=error)
    assert CARD not in _shown(tree.record)
    assert "KeyError: 'no [CREDIT_CARD]'" in _shown(tree.record)
    assert "ValueError: outer" in _shown(tree.record)
    assert str(error.__cause__) == f"'no {CARD}'"


def test_an_exception_with_a_secret_keeps_its_type(tree) -> None:
    tree.logger().error("failed", exc_info=LookupError(f"no {CARD}"))
    kind, error, _ = tree.record.exc_info
    assert (kind.__name__, isinstance(error, LookupError), str(error)) == ("LookupError", True, "no [CREDIT_CARD]")


def test_a_secret_that_a_format_wants_as_a_number_does_not_cost_the_message(tree) -> None:
    tree.logger().info("card %d of %s", 4111111111111111, "ann")
    assert tree.messages == ["card [CREDIT_CARD] of ann"]


def test_a_message_that_is_no_text_and_does_not_fit_its_arguments_is_redacted(tree) -> None:
    tree.logger().info([CARD], "too", "many")
    assert CARD not in _shown(tree.record)
