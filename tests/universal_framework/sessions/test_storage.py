"""The contract of session storages, row by row, against memory and against a real Redis."""

from __future__ import annotations

import asyncio
import json

import pytest

from universal_framework.contracts.state import UniversalWorkflowState
from universal_framework.errors import (
    InvalidInputError,
    SessionConflictError,
    SessionNotFoundError,
    SessionStoreError,
    SessionTooLargeError,
    StateAccessError,
)
from universal_framework.redis._sessions import SessionLimits
from universal_framework.redis.memory_storage import MemorySessionStorage

from .conftest import CANARY

new = UniversalWorkflowState.new


def test_what_is_stored_is_read_and_versions_count_from_one(stored, said):
    async def act(store):
        made = await store.create(said("s1", "grüße 🎉\x00\u2028"), owner="ann")
        read = await store.load("s1", owner="ann")
        assert made == read
        assert read.version == 1
        saved = await store.save(read.model_copy(update={"turn": 1}), owner="ann")
        assert (saved.version, saved.turn) == (2, 1)
        assert await store.load("s1", owner="ann") == saved

    stored(act)


def test_6_2_somebody_elses_session_cannot_be_told_from_none(stored, said):
    async def answers(store, session_id):
        async def of(call):
            try:
                return await call
            except Exception as error:
                return type(error), str(error)

        state = said(session_id, "mine").model_copy(update={"version": 1})
        seen = [
            await of(store.load(session_id, owner="bob")),
            await of(store.save(state, owner="bob")),
            await of(store.delete(session_id, owner="bob")),
            await of(store.expire(session_id, owner="bob", seconds=0)),
            await of(store.list_ids(owner="bob")),
            (await store.create(state, owner="bob")).version,
        ]
        await store.delete(session_id, owner="bob")
        return seen

    async def act(store):
        await store.create(said("hers", "secret"), owner="ann")
        assert await answers(store, "hers") == await answers(store, "none")
        assert (await store.load("hers", owner="ann")).messages[0].content == "secret"

    stored(act)


def test_6_2_of_two_answers_to_one_version_one_wins(stored):
    async def act(store):
        one = await store.create(new("s"), owner="ann")
        await store.save(one.model_copy(update={"turn": 1}), owner="ann")
        with pytest.raises(SessionConflictError):
            await store.save(one.model_copy(update={"turn": 2}), owner="ann")
        assert (await store.load("s", owner="ann")).turn == 1
        with pytest.raises(SessionConflictError):
            await store.create(new("s"), owner="ann")

    stored(act)


def test_6_2_the_idle_time_slides_and_the_age_does_not(stored, clock):
    limits = {"idle_seconds": 100, "age_seconds": 250}

    async def act(store):
        state = await store.create(new("s"), owner="ann")
        for _ in range(2):
            clock.now += 99
            assert await store.load("s", owner="ann")
        clock.now += 51
        assert await store.load("s", owner="ann") is not None  # 249 seconds old
        clock.now += 1
        assert await store.load("s", owner="ann") is None
        with pytest.raises(SessionNotFoundError):
            await store.save(state, owner="ann")
        assert not await store.delete("s", owner="ann")
        assert await store.list_ids(owner="ann") == []
        await store.create(new("s"), owner="ann")  # the id is free again
        clock.now += 100
        assert await store.load("s", owner="ann") is None

    stored(act, **limits)


def test_6_2_a_save_renews_the_idle_time_too(stored, clock):
    async def act(store):
        state = await store.create(new("s"), owner="ann")
        for _ in range(5):
            clock.now += 99
            state = await store.save(state, owner="ann")
        assert state.version == 6

    stored(act, idle_seconds=100)


def test_a_clock_that_goes_back_gives_nobody_more_than_the_limits(stored, clock):
    async def act(store):
        await store.create(new("s"), owner="ann")
        clock.now -= 1000
        assert await store.load("s", owner="ann")
        clock.now += 1000 + 100
        assert await store.load("s", owner="ann") is None

    stored(act, idle_seconds=100, age_seconds=300)


def test_expire_ends_a_session_however_busy_it_is_and_never_prolongs_it(stored, clock):
    async def act(store):
        await store.create(new("s"), owner="ann")
        assert await store.expire("s", owner="ann", seconds=50)
        assert await store.expire("s", owner="ann", seconds=1e300)
        clock.now += 49
        assert await store.load("s", owner="ann")
        clock.now += 1
        assert await store.load("s", owner="ann") is None
        assert not await store.expire("s", owner="ann", seconds=50)
        await store.create(new("now"), owner="ann")
        assert await store.expire("now", owner="ann", seconds=-5)
        assert await store.load("now", owner="ann") is None

    stored(act, idle_seconds=100)


def test_delete_forgets_once(stored):
    async def act(store):
        state = await store.create(new("s"), owner="ann")
        assert await store.delete("s", owner="ann")
        assert not await store.delete("s", owner="ann")
        assert await store.load("s", owner="ann") is None
        with pytest.raises(SessionNotFoundError):
            await store.save(state, owner="ann")

    stored(act)


def test_ids_are_listed_the_latest_used_first(stored, clock):
    async def act(store):
        for name in ("a", "b", "c", "ü{}\n"):
            clock.now += 1
            await store.create(new(name), owner="ann")
        await store.create(new("theirs"), owner="bob")
        clock.now += 1
        await store.load("b", owner="ann")
        assert await store.list_ids(owner="ann") == ["b", "ü{}\n", "c", "a"]
        assert await store.list_ids(owner="ann", limit=2) == ["b", "ü{}\n"]
        assert await store.list_ids(owner="ann", limit=0) == await store.list_ids(owner="ann", limit=-1) == []
        assert await store.list_ids(owner="nobody") == []
        await store.delete("b", owner="ann")
        assert await store.list_ids(owner="ann", limit=1) == ["ü{}\n"]

    stored(act)


def test_6_2_a_session_larger_than_allowed_is_refused_and_the_former_one_stays(stored, said):
    async def act(store):
        made = await store.create(said("s", "x" * 100), owner="ann")
        for text in ("x" * 5000, "ü" * 2600):
            with pytest.raises(SessionTooLargeError):
                await store.save(made.model_copy(update={"messages": said("s", text).messages}), owner="ann")
            with pytest.raises(SessionTooLargeError):
                await store.create(said("t", text), owner="ann")
        assert await store.load("s", owner="ann") == made

    stored(act, max_bytes=5000)


def test_a_session_within_a_limit_that_was_lowered_later_can_be_read(stored, said):
    async def create(store):
        return await store.create(said("s", "x" * 5000), owner="ann")

    async def load(store):
        return await store.load("s", owner="ann")

    assert stored(create, max_bytes=10_000) == stored(load, max_bytes=1000)


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


UNWRITABLE = {
    "an object": {"context_data": {"x": object()}},
    "deeper than can be read": {"context_data": {"x": nested(230)}},
    "endless": {"context_data": {"x": nested(900)}},
    "half a character": {"context_data": {"x": "\ud800"}},
    "a number nobody reads": {"context_data": {"x": 10**5000}},
    "another type": {"phase": 5},
    "a negative turn": {"turn": -1},
    "a later form": {"schema_version": 99},
}


@pytest.mark.parametrize("changes", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_could_not_be_read_back_is_not_acknowledged(stored, changes):
    async def act(store):
        made = await store.create(new("s"), owner="ann")
        with pytest.raises(StateAccessError):
            await store.save(made.model_copy(update=changes), owner="ann")
        with pytest.raises(StateAccessError):
            await store.create(new("t").model_copy(update=changes), owner="ann")
        assert await store.load("s", owner="ann") == made
        assert await store.load("t", owner="ann") is None

    stored(act)


def test_json_only_what_is_returned_is_what_will_be_read(stored):
    async def act(store):
        state = new("s")
        state.context_data = {"tuple": (1, 2), "nan": float("nan"), 3: "three"}
        made = await store.create(state, owner="ann")
        assert made.context_data == {"tuple": [1, 2], "nan": None, "3": "three"}
        assert await store.load("s", owner="ann") == made
        made.context_data["tuple"].append(3)
        assert (await store.load("s", owner="ann")).context_data["tuple"] == [1, 2]

    stored(act)


def test_there_is_no_session_with_an_unusable_id(stored):
    async def act(store):
        for name in ("", "x" * 257, "\ud800"):
            state = new("s").model_copy(update={"session_id": name})
            with pytest.raises(StateAccessError):
                await store.create(state, owner="ann")
            with pytest.raises(SessionNotFoundError):
                await store.save(state, owner="ann")
            assert await store.load(name, owner="ann") is None
            assert not await store.delete(name, owner="ann")
            assert not await store.expire(name, owner="ann", seconds=1)

    stored(act)


def test_owners_are_told_apart_and_have_names(stored):
    owners = ["a", "a}", "{a", "a:s", "A", "\ud800", "x" * 10_000, "a\n"]

    async def act(store):
        for number, owner in enumerate(owners):
            await store.create(new("s").model_copy(update={"turn": number}), owner=owner)
        assert [(await store.load("s", owner=one)).turn for one in owners] == list(range(len(owners)))
        with pytest.raises(InvalidInputError):
            await store.load("s", owner="")

    stored(act)


def test_M6_ids_are_in_the_log_as_hashes_only(stored, events, said):
    async def act(store):
        await store.create(said(f"id-{CANARY}", CANARY), owner=CANARY)
        state = await store.load(f"id-{CANARY}", owner=CANARY)
        await store.save(state, owner=CANARY)
        with pytest.raises(SessionConflictError):
            await store.save(state, owner=CANARY)
        await store.load(f"other-{CANARY}", owner=CANARY)
        await store.delete(f"id-{CANARY}", owner=CANARY)

    stored(act)
    assert "sid_" in str(list(events))  # the fixture looks for the canary


def test_after_closing_the_storage_says_so(stored):
    async def act(store):
        await store.ping()
        await store.aclose()
        await store.aclose()
        for call in (store.load("s", owner="a"), store.ping(), store.list_ids(owner="a")):
            with pytest.raises(SessionStoreError, match="closed"):
                await call

    stored(act)


def test_memory_is_bounded_and_gives_room_when_sessions_are_over(clock):
    async def act():
        store = MemorySessionStorage(limits=SessionLimits(idle_seconds=10), max_sessions=3, clock=clock)
        for number in range(3):
            await store.create(new(str(number)), owner="ann")
        with pytest.raises(SessionStoreError, match="full"):
            await store.create(new("4"), owner="bob")
        clock.now += 10
        await store.create(new("4"), owner="bob")
        assert store._count == sum(map(len, store._owners.values())) == 1

    asyncio.run(act())


@pytest.mark.parametrize(
    "wrong",
    [{"idle_seconds": 0}, {"idle_seconds": 9, "age_seconds": 8}, {"max_bytes": 0}, {"age_seconds": float("inf")}],
)
def test_limits_that_contradict_themselves_are_refused(wrong):
    with pytest.raises(ValueError):
        SessionLimits(**wrong)
