"""Random lives of sessions: memory and Redis do what a simple model does, on a clock that moves."""

from __future__ import annotations

import asyncio
import os
import secrets

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

pytest.importorskip("redis")

from universal_framework.contracts.state import UniversalWorkflowState
from universal_framework.errors import SessionConflictError, SessionNotFoundError
from universal_framework.redis import local_server
from universal_framework.redis._sessions import SessionLimits
from universal_framework.redis.connection import RedisConnectionAdapter
from universal_framework.redis.memory_storage import MemorySessionStorage
from universal_framework.redis.session_storage import RedisSessionStorage

IDLE, AGE = 100, 250
OWNERS, NAMES = st.sampled_from(["ann", "bob"]), st.sampled_from(["a", "b", "c"])


class Sessions(RuleBasedStateMachine):
    """A session of the model is [version, turn, born, used, ends]."""

    server = None

    def __init__(self):
        super().__init__()
        self.now, self.model = 1_800_000_000, {}
        limits = SessionLimits(idle_seconds=IDLE, age_seconds=AGE)
        self.loop = asyncio.new_event_loop()
        self.stores = [
            MemorySessionStorage(limits=limits, clock=lambda: self.now),
            RedisSessionStorage(
                RedisConnectionAdapter(self.server.config()),
                limits=limits, clock=lambda: self.now, key_prefix=f"m{secrets.token_hex(6)}:",
            ),
        ]  # fmt: skip

    def teardown(self):
        for store in self.stores:
            self.loop.run_until_complete(store.aclose())
        self.loop.close()

    def both(self, call):
        async def of(store):
            try:
                return await call(store)
            except (SessionConflictError, SessionNotFoundError) as error:
                return type(error)

        memory, redis = [self.loop.run_until_complete(of(store)) for store in self.stores]
        assert memory == redis
        return memory

    def alive(self, key):
        one = self.model.get(key)
        if one and self.now < min(one["used"] + IDLE, one["born"] + AGE, one["ends"]):
            return one
        self.model.pop(key, None)
        return None

    @rule(owner=OWNERS, name=NAMES)
    def create(self, owner, name):
        state = UniversalWorkflowState(session_id=name, created_at=0, updated_at=0)
        got = self.both(lambda store: store.create(state, owner=owner))
        if self.alive((owner, name)):
            assert got is SessionConflictError
        else:
            assert got.version == 1
            self.model[owner, name] = {"version": 1, "turn": 0, "born": self.now, "used": self.now, "ends": 1e18}

    @rule(owner=OWNERS, name=NAMES)
    def load(self, owner, name):
        got, one = self.both(lambda store: store.load(name, owner=owner)), self.alive((owner, name))
        if one is None:
            assert got is None
        else:
            assert (got.version, got.turn) == (one["version"], one["turn"])
            one["used"] = self.now

    @rule(owner=OWNERS, name=NAMES, behind=st.integers(0, 2), turn=st.integers(0, 9))
    def save(self, owner, name, behind, turn):
        one = self.alive((owner, name))
        version = max(0, (one["version"] if one else 1) - behind)
        state = UniversalWorkflowState(session_id=name, version=version, turn=turn, created_at=0, updated_at=0)
        got = self.both(lambda store: store.save(state, owner=owner))
        if one is None:
            assert got is SessionNotFoundError
        elif version != one["version"]:
            assert got is SessionConflictError
        else:
            assert got.version == version + 1
            one.update(version=version + 1, turn=turn, used=self.now)

    @rule(owner=OWNERS, name=NAMES)
    def delete(self, owner, name):
        had = self.alive((owner, name)) is not None
        assert self.both(lambda store: store.delete(name, owner=owner)) is had
        self.model.pop((owner, name), None)

    @rule(owner=OWNERS, name=NAMES, seconds=st.sampled_from([-1, 0, 1, 60, 1e12]))
    def expire(self, owner, name, seconds):
        one = self.alive((owner, name))
        assert self.both(lambda store: store.expire(name, owner=owner, seconds=seconds)) is (one is not None)
        if one:
            one["ends"] = min(one["ends"], self.now + max(0, min(seconds, AGE)))

    @rule(seconds=st.sampled_from([1, 39, 60, 100, 300]))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def lists(self):
        for owner in ("ann", "bob"):
            alive = [
                (self.alive(key)["used"], key[1]) for key in list(self.model) if key[0] == owner and self.alive(key)
            ]
            wanted = [name for _, name in sorted(alive, reverse=True)]
            assert self.both(lambda store, owner=owner: store.list_ids(owner=owner)) == wanted


@pytest.mark.campaign
def test_memory_and_redis_do_what_the_model_does(local):
    assert local_server.available()
    full = bool(os.environ.get("LOGSHIFT_FULL"))
    machine = type("Machine", (Sessions,), {"server": local})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=400 if full else 15,
            stateful_step_count=60 if full else 30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
