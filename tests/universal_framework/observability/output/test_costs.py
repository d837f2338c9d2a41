"""What logging costs is measured while it goes on, and said when it is too much."""

from __future__ import annotations

import logging
import time

from universal_framework.observability._cost import SAMPLED, Cost
from universal_framework.observability.configuration import configure_logging
from universal_framework.observability.unified_logger import UniversalFrameworkLogger


def test_quantiles_are_upper_edges_of_the_buckets_that_the_samples_fall_into():
    cost = Cost(budget_ns=0)
    for nanoseconds in [900] * 98 + [70_000, 5_000_000]:
        cost.add(nanoseconds)
    told = cost.told()
    assert (told.samples, told.p50_ns, told.p99_ns, told.max_ns) == (100, 1024, 131_072, 5_000_000)
    assert Cost(0).told()[:4] == (0, 0, 0, 0)


def test_a_clock_that_is_set_back_counts_for_nothing():
    cost = Cost(budget_ns=1)
    assert cost.add(-5) is False
    assert cost.told().samples == 0


def test_P5_the_budget_is_measured_in_nanoseconds_and_the_first_call_over_it_is_said():
    cost = Cost(budget_ns=1_000)
    assert [cost.add(nanoseconds) for nanoseconds in (1_000, 1_001, 5_000)] == [False, True, False]
    assert cost.told().over_budget == 2


def test_calls_are_timed_under_a_configuration_and_a_slow_one_is_said_once(tmp_path, capsys):
    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
            time.sleep(0.002)

    logger = UniversalFrameworkLogger("billing", name="app.costs")
    slow = Slow()
    logging.getLogger("app.costs").addHandler(slow)
    try:
        with configure_logging(destination=tmp_path / "log", budget_ms=1.0) as configuration:
            deadline = time.monotonic() + 60
            while configuration.costs().over_budget < 2 and time.monotonic() < deadline:
                for _ in range(SAMPLED):
                    logger.info("x")
            costs = configuration.costs()
    finally:
        logging.getLogger("app.costs").removeHandler(slow)
    assert costs.samples >= costs.over_budget >= 2
    assert costs.max_ns >= 2_000_000
    assert capsys.readouterr().err.count("Logging is slow in component 'billing'") == 1
    assert configuration.costs() is None
