"""Retention: what is old enough goes, in whole segments; all that is left can be proven; nothing goes too early."""

from __future__ import annotations

import os

import pytest

from universal_framework.observability.audit import note, prove, records, stored
from universal_framework.observability.audit.disk import Disk
from universal_framework.observability.audit.errors import MalformedError, RefusedError
from universal_framework.observability.audit.findings import Subject
from universal_framework.observability.audit.merkle import consistency_holds, leaf_hash
from universal_framework.observability.audit.prune import NOTHING, prune_closed, prune_live
from universal_framework.observability.audit.records import Kind
from universal_framework.observability.audit.trail import Shape, Trail


@pytest.fixture
def clock(faults):
    return faults.Clock()


@pytest.fixture
def long_lived(tmp_path, clock, make_line):
    """A live log of ten days, 300 lines a day, a new key every third day; its checkpoints."""

    def make(days=10):
        trail = Trail.create(str(tmp_path / "trail"), Shape("test.example", 10**9, 5), Disk(), clock)
        texts = [trail.log.bytes_of(stored.CHECKPOINT)]
        for day in range(days):
            trail.write([make_line(day * 300 + i) for i in range(300)])
            trail.sync()
            if day % 3 == 1:
                trail.evolve_key()
                trail.sync()
            texts.append(trail.checkpoint())
            clock.days(1)
        return trail, texts

    return make


def proofs_hold(log, texts, key, *, first):
    """All proofs that a log can still give: of every record left, and from its first checkpoint on."""
    newest = log.history().checkpoints[-1].checkpoint
    for segment in log.segments():
        for number, line in list(enumerate(segment.read()[0], segment.first))[::97]:
            proof = prove.parse_inclusion(prove.prove_inclusion(log, number))
            assert prove.inclusion_is_proven(proof, line, key)
    for text in texts:
        old = note.parse_checkpoint(text).checkpoint
        proof = prove.parse_consistency(prove.prove_consistency(log, old.size))
        assert consistency_holds(old.size, newest.size, old.root, newest.root, proof.path)
    assert log.segments()[0].first >= first


def test_a_live_log_prunes_itself_and_every_proof_about_the_rest_holds(long_lived, clock, judge, findings_of):
    trail, texts = long_lived()
    removed = prune_live(trail, 5, clock())
    assert removed.segments == 5
    assert removed.minimum == removed.records == trail.log.segments()[0].first
    assert removed.minimum % 256 == 0
    texts.append(trail.checkpoint())
    live = trail.public_key
    now = clock()
    assert not findings_of(judge(trail.log.directory, texts, now=now))
    proofs_hold(trail.log, texts, live, first=1024)
    texts.append(trail.seal())
    assert not findings_of(judge(trail.log.directory, texts, now=now))
    assert any(o.kind is Kind.PRUNED for s in trail.log.segments() for o in stored.own_records(s.read()[0], s.first))


def test_a_closed_log_is_pruned_twice_and_then_wholly(long_lived, clock, judge, findings_of):
    trail, texts = long_lived()
    first = trail.log
    key = note.parse_public_key((first.bytes_of(stored.PUBLIC_KEY) or b"").decode())
    texts.append(trail.seal())
    assert prune_closed(first, None, clock(), Disk()).segments == 5
    clock.days(2)
    assert prune_closed(first, None, clock(), Disk()).segments == 2
    assert not findings_of(judge(first.directory, texts, [key], now=clock()))
    clock.days(10)
    assert prune_closed(first, None, clock(), Disk()).segments > 0
    assert first.segments() == []
    assert not findings_of(judge(first.directory, texts, [key], now=clock()))
    for text in texts:
        prove.prove_consistency(first, note.parse_checkpoint(text).size)
    assert prune_closed(first, None, clock(), Disk()) == NOTHING


def test_nothing_goes_before_its_time(long_lived, clock):
    trail, _ = long_lived(4)
    assert prune_live(trail, 5, clock()) == NOTHING
    trail.seal()
    assert prune_closed(trail.log, None, clock(), Disk()) == NOTHING
    with pytest.raises(RefusedError, match="promises to keep its records for 5 days"):
        prune_closed(trail.log, 1, clock(), Disk())
    assert prune_closed(trail.log, 6, clock(), Disk()) == NOTHING


def test_records_that_somebody_removed_as_if_they_were_old_are_missed(long_lived, clock, judge, findings_of):
    """The forger copies what pruning does, before the time; the records of the time in the log tell."""
    trail, _ = long_lived()
    trail.seal()
    now = clock()
    prune_closed(trail.log, None, now + 10**17, Disk())
    found = findings_of(judge(trail.log.directory, now=now))
    assert [f.kind for f in found] == [Subject.RETENTION]
    assert "before their 5 days were over" in found[0].message
    assert not findings_of(judge(trail.log.directory, now=now + 10**17))


def test_every_flipped_bit_of_a_pruned_log_is_found(long_lived, clock, judge, findings_of):
    import random
    from pathlib import Path

    trail, texts = long_lived()
    trail.seal()
    prune_closed(trail.log, None, clock(), Disk())
    now = clock()
    chance = random.Random(2)
    for path in sorted(p for p in Path(trail.log.directory).rglob("*") if p.is_file() and p.stat().st_size):
        data = path.read_bytes()
        for bit in chance.sample(range(len(data) * 8), 8):
            altered = bytearray(data)
            altered[bit // 8] ^= 1 << bit % 8
            path.write_bytes(altered)
            found = findings_of(judge(trail.log.directory, now=now))
            assert path.relative_to(trail.log.directory).as_posix() in {f.file for f in found}, (path.name, bit, found)
        path.write_bytes(data)
    assert not findings_of(judge(trail.log.directory, texts, now=now))


def test_a_log_that_was_altered_keeps_everything(long_lived, clock):
    trail, _ = long_lived()
    trail.seal()
    path = trail.log.segments()[0].path
    with open(path, "r+b") as file:
        file.seek(500)
        file.write(b"?")
    with pytest.raises(MalformedError, match="nothing was removed"):
        prune_closed(trail.log, None, clock(), Disk())
    assert len(trail.log.segments()) == 10
    assert not os.path.exists(trail.log.path(stored.PRUNED))


def test_stopped_at_any_operation_pruning_is_safe_to_do_again(tmp_path, faults, make_line, judge, findings_of):
    def closed_log(directory, clock):
        trail = Trail.create(str(directory), Shape("test.example", 4000, 5), Disk(), clock)
        for day in range(4):
            trail.write([make_line(day * 280 + i) for i in range(280)])
            trail.sync()
            trail.evolve_key()
            trail.sync()
            trail.checkpoint()
            clock.days(2)
        trail.seal()
        return trail.log

    number = 0
    while True:
        clock = faults.Clock()
        log = closed_log(tmp_path / f"t{number}", clock)
        disk = faults.FaultyDisk()
        disk.refuse = {number: faults.Crash()}
        try:
            removed = prune_closed(log, None, clock(), disk)
        except faults.Crash:
            assert not findings_of(judge(log.directory, now=clock())), number
            prune_closed(log, None, clock(), Disk())
            assert not findings_of(judge(log.directory, now=clock())), number
            number += 1
            continue
        assert removed.segments
        assert number > 5
        return


def test_an_application_prunes_without_being_asked(tmp_path, faults, open_log, until, make_line, judge, findings_of):
    clock = faults.Clock()
    old = open_log(clock=clock, retention_days=3)
    old.append(make_line(1))
    old.close()
    clock.days(4)
    new = open_log(clock=clock, retention_days=3)
    until(lambda: not stored.StoredLog(old.directory).segments())
    new.append(make_line(2))
    new.close()
    assert not findings_of(judge(tmp_path / "trail", now=clock()))


def test_what_pruning_keeps_are_records_with_their_exact_bytes(long_lived, clock):
    trail, _ = long_lived()
    trail.seal()
    lines = {n: line for s in trail.log.segments() for n, line in enumerate(s.read()[0], s.first)}
    prune_closed(trail.log, None, clock(), Disk())
    pruned = trail.log.pruned()
    assert {records.parse(e.line, e.number).kind for e in pruned.evidence} == {Kind.START, Kind.KEY}
    for evidence in pruned.evidence:
        assert lines[evidence.number] == evidence.line
        assert trail.log.hashes(0, evidence.number, 1) == leaf_hash(evidence.line)
