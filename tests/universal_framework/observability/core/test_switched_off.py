"""A node that is switched off reports nothing, whatever it has reported before."""

from __future__ import annotations

import logging
import logging.config


def test_a_node_that_was_used_can_be_disabled_and_enabled_again(tree) -> None:
    logger = tree.logger()
    logger.info("before")
    logger.disabled = True
    logger.info("muted")
    logger.exception("muted")  # noqa: LOG004
    logger._log(logging.ERROR, "muted", ())
    logger.disabled = False
    logger.info("after")
    assert tree.messages == ["before", "after"]


def test_the_method_below_the_level_methods_does_not_ask_for_the_level(tree) -> None:
    logger = tree.logger()
    logger.setLevel(logging.ERROR)
    logger.info("too low")
    logger._log(logging.INFO, "asked for before", ())
    assert tree.messages == ["asked for before"]


def test_a_configuration_that_disables_loggers_disables_used_ones(tree) -> None:
    logger = tree.logger()
    logger.info("before")
    logging.config.dictConfig(
        {"version": 1, "disable_existing_loggers": True, "loggers": {"other": {"level": "DEBUG"}}}
    )
    tree.top.addHandler(tree.handler)
    logger.info("muted")
    assert tree.messages == ["before"]


def test_a_child_is_of_the_class_of_its_parent_whether_that_was_used_or_not(tree) -> None:
    fresh = tree.logger()
    assert type(fresh.getChild("one")) is type(fresh)
    used = tree.logger()
    used.info("x")
    child = used.getChild("two")
    child.info("y")
    assert type(child) is type(used)
