"""Proofs that others can check, and what an auditor takes along."""

from __future__ import annotations

import json
import os

import pytest

from universal_framework.observability.audit import export, note, prove, records, stored
from universal_framework.observability.audit.errors import MalformedError, RefusedError
from universal_framework.observability.audit.merkle import leaf_hash, root_of


def all_lines(log):
    return [line for s in log.segments() for line in s.read()[0]]


def test_every_record_can_be_proven_and_only_where_it_stands(closed_log):
    made = closed_log(300)
    lines = all_lines(made.log)
    for number in range(0, len(lines), 17):
        proof = prove.parse_inclusion(prove.prove_inclusion(made.log, number))
        assert prove.inclusion_is_proven(proof, lines[number], made.key)
        assert not prove.inclusion_is_proven(proof, lines[number - 1], made.key)
        assert not prove.inclusion_is_proven(proof._replace(about=number + 1), lines[number], made.key)
        assert not prove.inclusion_is_proven(proof, lines[number], made.key._replace(key=bytes(32)))


def test_growth_is_proven_from_every_checkpoint_to_every_later_one(closed_log):
    made = closed_log(300, every=70)
    checkpoints = [note.parse_checkpoint(text) for text in made.texts]
    for i, old in enumerate(checkpoints):
        for new in checkpoints[i:]:
            proof = prove.parse_consistency(prove.prove_consistency(made.log, old.size, new.size))
            assert prove.consistency_is_proven(proof, old, made.key)
            other = old._replace(checkpoint=old.checkpoint._replace(root=bytes(32)))
            assert not prove.consistency_is_proven(proof, other, made.key)


def test_what_is_not_there_is_refused(closed_log):
    log = closed_log(50).log
    for attempt in (
        lambda: prove.prove_inclusion(log, 52),
        lambda: prove.prove_inclusion(log, -1),
        lambda: prove.prove_inclusion(log, 1, 17),
        lambda: prove.prove_consistency(log, 0),
        lambda: prove.prove_consistency(log, 99),
    ):
        with pytest.raises(RefusedError):
            attempt()


def test_with_an_altered_log_nothing_is_proven(closed_log):
    made = closed_log(300)
    path = made.directory / "tile/0"
    data = path.read_bytes()
    path.write_bytes(data[:32] + bytes(32) + data[64:])
    with pytest.raises(MalformedError):
        prove.prove_inclusion(made.log, 200)


@pytest.mark.parametrize(
    "text", [b"", b"index 1", b"c2sp.org/tlog-proof@v1\nindex x\n\n", b"old 01\n\n", b"index 1\n\n\n"]
)
def test_what_is_no_proof_is_refused(text):
    for parse in (prove.parse_inclusion, prove.parse_consistency):
        with pytest.raises(MalformedError):
            parse(text)


def test_a_tiled_log_that_is_exported_can_be_checked_by_who_knows_the_specification_only(closed_log, tmp_path):
    """A reader of C2SP tlog-tiles in twenty lines, which shares nothing with the code but SHA-256."""
    made = closed_log(600)
    folder = tmp_path / "out"
    size = export.export_tiles(made.log, str(folder))
    origin, count, root = (folder / "checkpoint").read_text().splitlines()[:3]
    assert (origin, int(count)) == (made.origin, size)
    leaves = []
    for number in range(-(-size // 256)):
        width = min(256, size - number * 256)
        suffix = f"{number:03d}" + (f".p/{width}" if width < 256 else "")
        bundle = (folder / "tile/entries" / suffix).read_bytes()
        tile = (folder / "tile/0" / suffix).read_bytes()
        hashes = []
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            hashes.append(leaf_hash(bundle[2 : 2 + length]))
            bundle = bundle[2 + length :]
        assert b"".join(hashes) == tile
        leaves += hashes
    import base64

    assert root_of(leaves) == base64.b64decode(root)
    with pytest.raises(FileExistsError):
        export.export_tiles(made.log, str(folder))


def at(second):
    return f"2026-03-01T00:00:{second:02d}Z"


def test_a_period_is_exported_by_the_times_that_records_name(open_log):
    log = open_log()
    for second in range(10):
        log.append(json.dumps({"timestamp": at(second), "n": second}).encode())
    log.append(b"no JSON")
    log.append(b'{"no": "time"}')
    log.close()
    stored_log = stored.StoredLog(log.directory)
    period = export.Period(records.parse_time(at(3)), records.parse_time(at(6)))
    found = list(export.export(stored_log, period))
    assert [json.loads(record.line)["n"] for record in found] == [3, 4, 5]
    assert [record.number for record in found] == [4, 5, 6]
    assert {record.origin for record in found} == {stored_log.history().checkpoints[0].checkpoint.origin}
    everything = [record.line for record in export.export(stored_log, export.ALWAYS)]
    assert everything == all_lines(stored_log)
    without_time = [r for r in export.export(stored_log, export.ALWAYS) if b"no" in r.line and b"audit" not in r.line]
    start = next(export.export(stored_log, export.ALWAYS)).time_ns
    assert [record.time_ns for record in without_time] == [start, start]
    assert os.path.isdir(log.directory)
