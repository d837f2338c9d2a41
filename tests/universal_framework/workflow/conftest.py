"""A clock that tests move, and recovery on it."""

import pytest

from universal_framework.workflow.production_error_recovery import ProductionErrorRecovery

from .clock import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def recovery(clock):
    """Recovery with small numbers and no chance; time stands still unless a test moves it."""
    return ProductionErrorRecovery(
        {"circuit_breaker_threshold": 3, "permitted_in_half_open": 1, "wait_jitter": 0.0}, clock=clock
    )
