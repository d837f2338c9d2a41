"""What is secret by its name only must be hidden before it becomes text, in lines and in records."""

from __future__ import annotations

import logging

from universal_framework.observability._lines import LineHandler
from universal_framework.observability._render import JsonLines

SECRET = "hunter2-and-more"


class Lines:
    def __init__(self) -> None:
        self.text = ""

    def write(self, line: bytes) -> None:
        self.text += line.decode()

    def flush(self, timeout: float | None = None) -> bool:
        return timeout is None

    def close(self) -> None: ...


def _both(tree) -> tuple[list, Lines]:
    lines = Lines()
    tree.top.addHandler(LineHandler(JsonLines(), lines))
    return [tree.logger(), logging.getLogger(tree.name)], lines


def test_a_mapping_of_arguments_is_redacted_by_name(tree) -> None:
    loggers, lines = _both(tree)
    for logger in loggers:
        logger.info("%(user)s: %(password)s", {"user": "ann", "password": SECRET})
    assert lines.text.count('"event":"ann: [SECRET]"') == 2


def test_an_argument_with_an_inside_is_redacted_by_name(tree) -> None:
    loggers, lines = _both(tree)
    for logger in loggers:
        logger.info("headers %s", [("Authorization", SECRET)])
    assert lines.text.count("headers [(") == 2
    assert SECRET not in lines.text


def test_a_message_with_an_inside_is_redacted_by_name(tree) -> None:
    loggers, lines = _both(tree)
    for logger in loggers:
        logger.info([("Authorization", SECRET)])
    assert lines.text.count("Authorization") == 2
    assert SECRET not in lines.text


def test_arguments_that_do_not_fit_are_shown_without_secrets(tree) -> None:
    loggers, lines = _both(tree)
    tree.top.removeHandler(tree.handler)
    for logger in loggers:
        logger.info("%d of %d", {"password": SECRET})  # noqa: PLE1206
    assert lines.text.count("arguments that do not fit") == 2
    assert SECRET not in lines.text
