"""The pytest fixture ``uf_logs``: what a test reported, as a list of dicts, and assertions on it.

In: nothing. Out: a `universal_framework.observability.testing.CapturedEvents` that fills while the test runs. pytest
loads this module in every run of every project that has the package installed; so it loads nothing until a test asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from universal_framework.observability.testing import CapturedEvents


@pytest.fixture
def uf_logs() -> Iterator[CapturedEvents]:
    """Capture the events that the test reports, from DEBUG up: a list of dicts with ``assert_logged`` and more."""
    from universal_framework.observability.testing import capture_events

    with capture_events() as events:
        yield events
