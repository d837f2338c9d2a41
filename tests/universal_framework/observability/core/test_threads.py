"""Many threads share a logger; nothing is lost and nothing is mixed up."""

# ruff: noqa: ARG002, ARG005 - handlers, filters and hooks have the signatures that stdlib gives them

from __future__ import annotations

import io
import logging
import sys
import threading
from collections import Counter

from universal_framework.observability import _losses

THREADS, EVENTS = 8, 400


def _in_threads(work) -> list[BaseException]:
    errors: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # many switches: what can interleave, does
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    return errors


def test_nothing_is_lost_or_mixed_up(tree) -> None:
    logger = tree.logger()

    def work(number: int) -> None:
        for event in range(EVENTS):
            logger.bind(thread_number=number).info("event %d of %d", event, number, number=number, event=event)

    assert _in_threads(work) == []
    seen = Counter((record.number, record.event) for record in tree.records)
    assert seen == Counter((number, event) for number in range(THREADS) for event in range(EVENTS))
    for record in tree.records:
        assert record.thread_number == record.number
        assert record.getMessage() == f"event {record.event} of {record.number}"


def test_first_use_in_many_threads_makes_one_node(tree) -> None:
    nodes: set[int] = set()

    def work(number: int) -> None:
        logger = tree.logger(name="app.contested")
        logger.info("x")
        nodes.add(id(logging.getLogger("app.contested")))

    assert _in_threads(work) == []
    assert len(nodes) == 1
    assert len(tree.records) == THREADS


def test_every_loss_is_counted_once(tree) -> None:
    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    lines: list[str] = []

    class Lines(io.StringIO):
        def write(self, text: str) -> int:
            lines.append(text)
            return len(text)

    tree.top.handlers[:] = [Failing()]
    before = _losses.count()
    kept, sys.stderr = sys.stderr, Lines()
    try:
        errors = _in_threads(lambda number: [tree.logger().info("x") for _ in range(50)])
    finally:
        sys.stderr = kept
    numbers = {int(line.split()[3]) for line in lines}
    assert errors == []
    assert _losses.count() - before == THREADS * 50
    assert 10 <= len(lines) == len(numbers) < 10 + THREADS  # one place is heard of ten times a minute


def test_the_tree_can_be_changed_while_others_log(tree) -> None:
    logger = tree.logger()
    handler = logging.NullHandler()

    def work(number: int) -> None:
        for _ in range(EVENTS):
            if number == 0:
                logger.addHandler(handler)
                logger.setLevel(logging.INFO)
                logger.removeHandler(handler)
            else:
                logger.info("x")

    with tree.stderr() as stderr:
        assert _in_threads(work) == []
    assert stderr.getvalue() == ""
    assert len(tree.records) == (THREADS - 1) * EVENTS
