"""Changes of sessions under a race, and what a manager makes of its storage's answers."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import pytest

from universal_framework.contracts.state import UniversalWorkflowState
from universal_framework.errors import SessionConflictError, SessionNotFoundError, StateAccessError
from universal_framework.redis.session_manager import SessionManagerImpl

new = UniversalWorkflowState.new


def one_more(state):
    return state.model_copy(update={"turn": state.turn + 1})


@pytest.mark.parametrize("managers", [1, 50], ids=["one process", "fifty processes"])
def test_50_racing_changes_of_one_session_lose_nothing(stored, managers):
    async def act(store):
        all_of_them = [SessionManagerImpl(store) for _ in range(managers)]
        await all_of_them[0].create(owner="race", session_id="s")
        results = await asyncio.gather(
            *(all_of_them[number % managers].update("s", one_more, owner="race") for number in range(50))
        )
        assert sorted(one.turn for one in results) == list(range(1, 51))
        last = await all_of_them[0].get("s", owner="race")
        assert (last.turn, last.version) == (50, 51)

    stored(act)


@pytest.mark.campaign
def test_10_000_sessions(stored, clock):
    count = 10_000 if os.environ.get("LOGSHIFT_FULL") else 300

    async def act(store):
        manager, turns = SessionManagerImpl(store), asyncio.Semaphore(20)

        async def talk(number):
            async with turns:
                await manager.create(owner="crowd", session_id=f"s{number}")
                await manager.update(f"s{number}", one_more, owner="crowd")

        await asyncio.gather(*(talk(number) for number in range(count)))
        ids = await manager.list_ids(owner="crowd", limit=count + 1)
        assert sorted(ids) == sorted(f"s{number}" for number in range(count))
        assert {(await manager.get(one, owner="crowd")).turn for one in ids[::37]} == {1}

    stored(act)


def test_a_change_is_made_again_to_what_others_left(stored):
    async def act(store):
        manager, seen = SessionManagerImpl(store), []
        await manager.create(owner="ann", session_id="s")
        others = [one_more, one_more]

        def change(state):
            seen.append(state.turn)
            return state.model_copy(update={"confirmed": True})

        class Faster:
            async def load(self, session_id, *, owner):
                state = await store.load(session_id, owner=owner)
                if others:
                    await store.save(others.pop()(state), owner=owner)
                return state

            save = store.save

        slept = []

        async def sleep(seconds):
            slept.append(seconds)

        done = await SessionManagerImpl(Faster(), sleep=sleep).update("s", change, owner="ann")
        assert (seen, done.turn, done.confirmed, done.version) == ([0, 1, 2], 2, True, 4)
        assert len(slept) == 2
        assert all(0 <= one <= 0.25 for one in slept)

    stored(act)


def test_a_conflict_that_lasts_is_the_callers(stored):
    async def act(store):
        await store.create(new("s"), owner="ann")

        class Faster:
            async def load(self, session_id, *, owner):
                state = await store.load(session_id, owner=owner)
                await store.save(state, owner=owner)
                return state

            save = store.save

        with pytest.raises(SessionConflictError):
            await SessionManagerImpl(Faster(), attempts=3).update("s", one_more, owner="ann")
        assert (await store.load("s", owner="ann")).version == 4

    stored(act)


def test_a_change_cannot_touch_identity_or_version_and_its_time_is_kept(stored):
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    async def act(store):
        manager = SessionManagerImpl(store, now=lambda: moment)
        await manager.create(owner="ann", session_id="s")
        done = await manager.update("s", lambda state: state.model_copy(update={"version": 77}), owner="ann")
        assert (done.version, done.updated_at) == (2, moment)
        for wrong in (lambda _: None, lambda _: new("t"), lambda state: state.model_dump()):
            with pytest.raises(StateAccessError):
                await manager.update("s", wrong, owner="ann")
        with pytest.raises(ZeroDivisionError):
            await manager.update("s", lambda _: 1 / 0, owner="ann")
        assert (await manager.get("s", owner="ann")).version == 2  # and the next one has its turn

    stored(act)


def test_the_life_of_a_session(stored, clock):
    async def act(store):
        manager = SessionManagerImpl(store)
        made = await manager.create(owner="ann")
        assert len(made.session_id) == 32
        with pytest.raises(SessionConflictError):
            await manager.create(owner="ann", state=new(made.session_id))
        assert await manager.list_ids(owner="ann") == [made.session_id]
        for call in (manager.get(made.session_id, owner="bob"), manager.update(made.session_id, one_more, owner="bob")):
            with pytest.raises(SessionNotFoundError):
                await call
        assert await manager.expire(made.session_id, owner="ann", seconds=10)
        clock.now += 10
        with pytest.raises(SessionNotFoundError):
            await manager.get(made.session_id, owner="ann")
        again = await manager.create(owner="ann")
        assert await manager.delete(again.session_id, owner="ann")
        assert not await manager.delete(again.session_id, owner="ann")
        assert len(manager._locks) == 0  # nothing is kept for sessions that nobody changes

    stored(act)
