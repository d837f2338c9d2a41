"""Any life of a log: append, sync, sign, change keys, days, retention, refusals, crashes with and without power, verify."""

from __future__ import annotations

import os
import random
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from universal_framework.observability.audit import note, records, stored
from universal_framework.observability.audit.disk import Disk
from universal_framework.observability.audit.errors import AuditError
from universal_framework.observability.audit.prune import prune_closed, prune_live
from universal_framework.observability.audit.recover import recover
from universal_framework.observability.audit.trail import Shape, Trail
from universal_framework.observability.audit.verify import verify

DAYS = 5
SHAPE = Shape("test.example", 3000, DAYS)


def machine(faults):
    class Life(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.root = tempfile.mkdtemp()
            self.clock = faults.Clock()
            self.disk = faults.FaultyDisk()
            self.trail = None
            self.durable, self.pending = [], []  # of the present log
            self.finished = {}  # origin -> (lines that have to be there, in order; lines that may follow)
            self.texts, self.keys = [], []
            self.number = 0

        @initialize()
        def begin(self):
            self.trail = Trail.create(self.root, SHAPE, self.disk, self.clock)
            self.keys.append(self.trail.public_key)
            self.durable, self.pending = [], []

        def attempt(self, step):
            try:
                return step()
            except OSError:
                return None

        @rule(count=st.sampled_from([1, 2, 30, 200, 300]))
        def append(self, count):
            lines = [b'{"n":%d}' % (self.number + i) for i in range(count)]
            self.number += count
            self.pending += lines
            self.attempt(lambda: self.trail.write(lines))

        @rule()
        def sync(self):
            if self.attempt(lambda: self.trail.sync() or True):
                self.durable += self.pending
                self.pending = []

        @rule()
        def sign(self):
            self.sync()
            text = self.attempt(self.trail.checkpoint)
            if text is not None:
                self.texts.append(text)

        @rule()
        def change_keys(self):
            self.attempt(self.trail.evolve_key)

        @rule(days=st.sampled_from([0.01, 1, 3]))
        def wait(self, days):
            self.clock.days(days)

        @rule(after=st.integers(0, 12), count=st.sampled_from([1, 3, 20]))
        def refuse(self, after, count):
            start = self.disk.operations + after
            self.disk.refuse = dict.fromkeys(range(start, start + count), OSError(5, "Input/output error"))

        @rule()
        def prune(self):
            self.disk.refuse = {}
            self.sync()
            prune_live(self.trail, DAYS, self.clock())
            for log in stored.logs_below(self.root):
                if log.name != self.trail.log.name:
                    prune_closed(log, None, self.clock(), Disk())

        @rule(power=st.booleans(), seed=st.integers(0, 1000))
        def crash(self, power, seed):
            self.disk.refuse = {}
            self.trail.abandon()
            if power:
                self.disk.cut_power(self.trail.log.directory, random.Random(seed))
            self.finished[self.trail.origin] = (self.durable, self.pending)
            for log in stored.logs_below(self.root):
                if os.path.lexists(log.path(stored.SIGNING_KEY)):
                    recover(log, SHAPE, Disk(), self.clock)
            self.begin()

        @rule()
        def close(self):
            self.disk.refuse = {}
            self.sync()
            self.texts.append(self.trail.seal())
            self.finished[self.trail.origin] = (self.durable, self.pending)
            self.begin()

        @invariant()
        def nothing_is_found_and_nothing_is_missing(self):
            if self.trail is None:
                return
            outside = [note.parse_checkpoint(text) for text in self.texts]
            report = verify(self.root, outside, self.keys, self.clock())
            assert [f for log in report.logs for f in log.findings] + list(report.findings) == []
            for log in stored.logs_below(self.root):
                origin = log.history().checkpoints[0].checkpoint.origin
                durable, pending = self.finished.get(origin, (self.durable, self.pending))
                there = [x for s in log.segments() for x in s.read()[0] if not x.startswith(records.PREFIX)]
                if log.pruned().minimum:  # what is left is the end
                    expected = [*durable, *pending]
                    at = expected.index(there[0]) if there else len(expected)
                    assert there == expected[at : at + len(there)]
                    assert at + len(there) >= len(durable)
                else:
                    assert there[: len(durable)] == durable
                    assert there == [*durable, *pending][: len(there)]

        def teardown(self):
            if self.trail is not None:
                self.trail.abandon()
            shutil.rmtree(self.root)

    return Life


@pytest.mark.campaign
def test_whatever_happens_to_a_log_it_verifies_and_keeps_what_was_durable(faults, full):
    with_profile = settings(
        max_examples=400 if full else 12,
        stateful_step_count=40 if full else 25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine(faults), settings=with_profile)
    except AuditError as error:
        pytest.fail(str(error))
