"""Whatever is done to a closed log is found, and where; what nobody can find without something from outside is said."""

from __future__ import annotations

import os
import random
import shutil

import pytest

from universal_framework.observability.audit import note, stored
from universal_framework.observability.audit.disk import Disk
from universal_framework.observability.audit.findings import Subject
from universal_framework.observability.audit.keys import SigningKey
from universal_framework.observability.audit.merkle import leaf_hashes
from universal_framework.observability.audit.tiles import TiledTree


def files_of(directory):
    return sorted(p for p in directory.rglob("*") if p.is_file() and p.stat().st_size)


def lines_in(path):
    return path.read_bytes().split(b"\n")[:-1]


def put_lines(path, lines):
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def test_an_untouched_log_is_intact_and_says_what_it_cannot_exclude(closed_log, judge, findings_of):
    made = closed_log(evolve_at=(2, 4))
    report = judge(made.directory.parent)
    assert not findings_of(report)
    assert report.intact
    assert [("cut off" in limit, "anew" in limit) for limit in report.logs[0].limits] == [(True, False), (False, True)]


def test_with_a_checkpoint_from_outside_nothing_is_left_that_cannot_be_excluded(closed_log, judge):
    made = closed_log(evolve_at=(2, 4))
    report = judge(made.directory.parent, [made.texts[-1]], [made.key])
    assert report.intact
    assert report.logs[0].limits == ()


@pytest.mark.campaign
def test_every_flipped_bit_is_found_and_located(closed_log, judge, findings_of, full):
    made = closed_log(60 if full else 300, every=25, evolve_at=(1,))
    chance = random.Random(3)
    for path in files_of(made.directory):
        data = path.read_bytes()
        places = range(len(data) * 8)
        for bit in places if full else chance.sample(places, min(len(places), 60)):
            altered = bytearray(data)
            altered[bit // 8] ^= 1 << bit % 8
            path.write_bytes(altered)
            found = findings_of(judge(made.directory.parent))
            file = str(path.relative_to(made.directory))
            here = [f for f in found if f.file == file]
            assert here, f"bit {bit} of {file} was flipped; found only {found}"
            if "segments" in file:
                start = data.rfind(b"\n", 0, bit // 8) + 1
                first = int(path.stem)
                number = first + data.count(b"\n", 0, bit // 8)
                assert any((f.record, f.offset) == (number, start) for f in here), (bit, here)
        path.write_bytes(data)
    assert judge(made.directory.parent).intact


def edits(lines, first, chance, every):
    """All single changes of the records of a segment (or some), and the numbers that a finding may name."""
    places = range(len(lines)) if every else sorted(chance.sample(range(len(lines)), 12))
    for i in places:
        number = first + i
        yield "delete", lines[:i] + lines[i + 1 :], {number}
        yield "duplicate", lines[: i + 1] + lines[i:], {number, number + 1}
        yield "insert", [*lines[:i], b'{"n":0,"event":"forged"}', *lines[i:]], {number}
        yield "alter", [*lines[:i], b'{"n":0,"event":"forged"}', *lines[i + 1 :]], {number}
        j = chance.randrange(len(lines))
        if lines[i] != lines[j]:
            swapped = list(lines)
            swapped[i], swapped[j] = lines[j], lines[i]
            yield "swap", swapped, {number, first + j}


@pytest.mark.campaign
def test_every_swap_duplicate_deletion_and_insertion_of_a_record_is_found_and_located(
    closed_log, judge, findings_of, full
):
    made = closed_log(600)
    chance = random.Random(5)
    segments = sorted((made.directory / "segments").iterdir())
    assert len(segments) > 2
    for path in segments:
        lines = lines_in(path)
        for what, changed, numbers in edits(lines, int(path.stem), chance, full):
            put_lines(path, changed)
            found = findings_of(judge(made.directory.parent))
            named = {f.record + i for f in found for i in range(f.length) if f.record is not None}
            assert found, (what, path.name)
            assert named & numbers, (what, numbers, found)
            assert {f.file for f in found} == {f"segments/{path.name}"}, (what, found)
            assert len([f for f in found if f.kind is Subject.RECORD]) <= 2, (what, found)
        put_lines(path, lines)


def test_a_record_moved_to_another_segment_is_found_in_both(closed_log, judge, findings_of):
    made = closed_log()
    one, other = sorted((made.directory / "segments").iterdir())[:2]
    moved = lines_in(one)[7]
    put_lines(one, [line for line in lines_in(one) if line != moved])
    put_lines(other, [*lines_in(other)[:3], moved, *lines_in(other)[3:]])
    assert {f.file for f in findings_of(judge(made.directory.parent))} == {
        f"segments/{one.name}",
        f"segments/{other.name}",
    }


@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_removed_segment_is_found_with_all_its_records(closed_log, judge, findings_of, which):
    made = closed_log()
    path = sorted((made.directory / "segments").iterdir())[which]
    count = len(lines_in(path))
    path.unlink()
    found = findings_of(judge(made.directory.parent))
    assert (int(path.stem), count) in [(f.record, f.length) for f in found if f.kind is Subject.RECORD]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("checkpoint", Subject.CHECKPOINT),
        ("checkpoints", Subject.CHECKPOINT),
        ("public-key", Subject.KEY),
        ("tile/0", Subject.TILE),
        ("tile/1", Subject.TILE),
    ],
)
def test_a_removed_or_emptied_file_is_found(closed_log, judge, findings_of, name, kind):
    made = closed_log()
    path = made.directory / name
    data = path.read_bytes()
    for change in (lambda: path.write_bytes(b""), path.unlink, lambda: path.write_bytes(data + data)):
        change()
        assert kind in {f.kind for f in findings_of(judge(made.directory.parent))}
        path.write_bytes(data)


def test_files_that_do_not_belong_are_found(closed_log, judge, findings_of):
    made = closed_log()
    for name in ("segments/000000009999.jsonl", "segments/notes.txt", "tile/7", "tile/x", "tile/01"):
        path = made.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"{}\n")
        assert findings_of(judge(made.directory.parent)), name
        path.unlink()


def test_bytes_behind_the_last_record_are_found(closed_log, judge, findings_of):
    made = closed_log()
    path = max((made.directory / "segments").iterdir())
    with path.open("ab") as file:
        file.write(b'{"half":')
    (found,) = findings_of(judge(made.directory.parent))
    assert found.offset == path.stat().st_size - 8


def rewritten(made, keep, key, *, change=None, sizes=None):
    """Make files of a log anew, as somebody who may write them all would: `keep` lines, tiles, checkpoints by `key`."""
    log = stored.StoredLog(str(made.directory))
    segments = [(s.first, s.read()[0]) for s in log.segments()]
    if change is not None:
        first, lines = segments[0]
        lines[change] = b'{"event":"nothing happened"}'
    leaves = leaf_hashes([line for _, lines in segments for line in lines][:keep])
    shutil.rmtree(made.directory / "tile")
    shutil.rmtree(made.directory / "segments")
    (made.directory / "segments").mkdir()
    for first, lines in segments:
        if first < keep:
            put_lines(made.directory / "segments" / stored.segment_name(first), lines[: keep - first])
    tree, history, start = TiledTree(), b"", 0
    for size in sizes or [1, keep]:
        tree.extend(leaves[start:size])
        start = size
        newest = note.sign(note.Checkpoint(made.origin, size, tree.root()), key)
        history += newest
    (made.directory / "tile").mkdir()
    for level, data in enumerate(tree.take_fresh()):
        (made.directory / "tile" / str(level)).write_bytes(data)
    (made.directory / "checkpoint").write_bytes(newest)
    (made.directory / "checkpoints").write_bytes(history)


def forged_start(made, key):
    """Let the first record name another key."""
    path = made.directory / "segments" / stored.segment_name(0)
    public = note.PublicKey(made.origin, key.public).text
    data = path.read_bytes().replace(made.key.text.encode(), public.encode())
    path.write_bytes(data)
    (made.directory / "public-key").write_text(public + "\n")


def test_every_truncation_is_found_given_a_checkpoint_from_outside(closed_log, judge, findings_of, copied):
    made = closed_log(400, every=40)
    sizes = [note.parse_checkpoint(text).size for text in made.texts[:-1]]
    for size in sizes:
        path = copied(made.directory)
        history = b"".join(t for t in made.texts if note.parse_checkpoint(t).size <= size)
        target = type(made)(**{**vars(made), "directory": path})
        rewritten(target, size, SigningKey.generate(), sizes=[size])
        (path / "checkpoints").write_bytes(history)
        (path / "checkpoint").write_bytes(next(t for t in made.texts if note.parse_checkpoint(t).size == size))
        found = findings_of(judge(path, [made.texts[-1]], [made.key]))
        assert any(f.kind is Subject.TRUNCATED and f.record == size for f in found), (size, found)
        # Without one: the log ends without its closing record and has no key, which is suspicious enough.
        assert any(f.kind is Subject.TRUNCATED for f in findings_of(judge(path)))


def test_a_truncation_that_leaves_a_key_behind_is_found_too(closed_log, judge, findings_of):
    made = closed_log(400, every=40)
    keep = note.parse_checkpoint(made.texts[3]).size
    rewritten(made, keep, SigningKey.generate(), sizes=[keep])
    (made.directory / "checkpoints").write_bytes(b"".join(made.texts[:4]))
    (made.directory / "checkpoint").write_bytes(made.texts[3])
    (made.directory / "signing-key").write_bytes(SigningKey.generate().file())
    assert any(f.kind is Subject.KEY for f in findings_of(judge(made.directory)))


@pytest.mark.parametrize("outside", ["checkpoint", "key", "both"])
def test_a_log_signed_anew_is_found_given_a_checkpoint_or_a_key_from_outside(closed_log, judge, findings_of, outside):
    made = closed_log(300)
    size = note.parse_checkpoint(made.texts[-1]).size
    key = SigningKey.generate()
    forged_start(made, key)
    rewritten(made, size, key, change=9)
    assert judge(made.directory).intact, "the forgery is meant to be perfect but for what is kept outside"
    assert any(
        "signed anew" in limit or "written and signed" in limit for limit in judge(made.directory).logs[0].limits
    )
    texts = [made.texts[-1]] if outside != "key" else []
    keys = [made.key] if outside != "checkpoint" else []
    assert findings_of(judge(made.directory, texts, keys))


def test_a_key_in_pem_form_or_bare_recognises_a_log_signed_anew(closed_log, judge, findings_of):
    made = closed_log(100)
    assert not findings_of(judge(made.directory, [], [made.key.key]))
    key = SigningKey.generate()
    forged_start(made, key)
    rewritten(made, note.parse_checkpoint(made.texts[-1]).size, key)
    assert findings_of(judge(made.directory, [], [made.key.key]))


def test_the_present_key_cannot_sign_the_past(closed_log, judge, findings_of):
    """Whoever takes the machine over finds the key of this epoch; an earlier record is signed by a key that is gone."""
    made = closed_log(300, evolve_at=(1,))
    later = SigningKey.generate()
    rewritten(made, note.parse_checkpoint(made.texts[-1]).size, later, change=9)
    found = findings_of(judge(made.directory))
    assert any(f.kind is Subject.CHECKPOINT and "not signed by the key in office" in f.message for f in found)


def test_old_checkpoints_signed_again_with_a_later_key_are_refused(tmp_path, judge, findings_of, faults):
    """The like of CVE-2023-31439: sealing what an earlier epoch had sealed with the key of a later one."""
    from universal_framework.observability.audit.trail import Shape, Trail

    trail = Trail.create(str(tmp_path / "t"), Shape("test.example", 9000, 90), Disk(), faults.Clock())
    first = trail.public_key
    trail.write([b"{}"] * 20)
    trail.sync()
    trail.checkpoint()
    trail.evolve_key()
    trail.sync()
    trail.checkpoint()
    assert trail.public_key != first
    later = SigningKey.from_file(trail.log.bytes_of(stored.SIGNING_KEY))
    trail.seal()
    history = trail.log.history().checkpoints
    again = [note.sign(c.checkpoint, later) for c in history]
    path = os.path.join(trail.log.directory, "checkpoints")
    with open(path, "wb") as file:
        file.write(b"".join(again))
    assert len([f for f in findings_of(judge(trail.log.directory)) if f.file == "checkpoints"]) >= 2


def test_records_and_tiles_altered_alike_are_narrowed_down(closed_log, judge, findings_of):
    made = closed_log(700, every=90, segment_bytes=10**6)
    path = made.directory / "segments" / stored.segment_name(0)
    lines = lines_in(path)
    lines[300] = b'{"event":"nothing happened"}'
    put_lines(path, lines)
    tile = made.directory / "tile/0"
    data = tile.read_bytes()
    at = 300 * 32
    tile.write_bytes(data[:at] + leaf_hashes(lines)[300] + data[at + 32 :])
    found = [f for f in findings_of(judge(made.directory)) if f.kind is Subject.RECORD]
    assert any(f.record <= 300 < f.record + f.length and f.length <= 256 for f in found)


def test_a_missing_log_is_missed_by_its_neighbours_and_by_what_was_kept_outside(closed_log, judge, findings_of, copied):
    made = closed_log(20)
    closed_log(20)
    assert judge(made.directory.parent).intact
    shutil.rmtree(made.directory)
    assert [f.file for f in findings_of(judge(made.directory.parent))] == [made.origin]
    assert findings_of(judge(made.directory.parent, [made.texts[0]]))
    assert findings_of(judge(made.directory.parent, [], [made.key]))


def test_a_log_replaced_by_a_forgery_under_its_name_contradicts_its_neighbour(closed_log, judge, findings_of):
    made = closed_log(50)
    closed_log(20)
    key = SigningKey.generate()
    forged_start(made, key)
    rewritten(made, note.parse_checkpoint(made.texts[-1]).size, key, change=5)
    assert judge(made.directory).intact
    assert any("first record of" in f.message for f in findings_of(judge(made.directory.parent)))


def test_a_checkpoint_of_another_log_is_no_help(closed_log, judge, findings_of):
    one, other = closed_log(20), closed_log(20)
    found = findings_of(judge(one.directory, [other.texts[-1]]))
    assert [(f.kind, f.file) for f in found] == [(Subject.LOG, other.origin)]


def test_identical_records_are_told_apart_by_their_places(tmp_path, judge, findings_of, faults):
    from universal_framework.observability.audit.trail import Shape, Trail

    trail = Trail.create(str(tmp_path / "t"), Shape("test.example", 9000, 90), Disk(), faults.Clock())
    trail.write([b"{}"] * 50)
    trail.seal()
    path = tmp_path / "t" / trail.log.name / "segments" / stored.segment_name(0)
    lines = lines_in(path)
    for changed in (lines[:20] + lines[21:], lines[:20] + lines[19:]):
        put_lines(path, changed)
        (found,) = findings_of(judge(trail.log.directory))
        assert found.record is not None


@pytest.mark.campaign
def test_whatever_is_done_to_the_files_verify_gives_an_answer(closed_log, judge, findings_of, copied, full):
    """Garbage, holes, swapped files, missing files: findings, never a traceback."""
    made = closed_log(400, evolve_at=(1, 3))
    crashed = copied(made.directory)
    (crashed / "signing-key").write_bytes(SigningKey.generate().file())
    chance = random.Random(17)
    for directory in (made.directory, crashed):
        files = files_of(directory)
        for _ in range(1500 if full else 60):
            saved = {path: path.read_bytes() for path in files}
            for path in chance.sample(files, chance.choice([1, 1, 2, 4])):
                data = bytearray(saved[path])
                at = chance.randrange(len(data))
                end = chance.randrange(at, min(len(data), at + chance.choice([1, 9, 999])) + 1)
                action = chance.randrange(6)
                if action == 0:
                    path.unlink()
                elif action == 1:
                    path.write_bytes(data[:at])
                elif action == 2:
                    path.write_bytes(data[:at] + chance.randbytes(end - at) + data[end:])
                elif action == 3:
                    path.write_bytes(data[:at] + bytes(end - at) + data[end:])
                elif action == 4:
                    path.write_bytes(data[:at] + data[at:end] + data[at:])
                else:
                    path.write_bytes(saved[chance.choice(files)])
            changed = any(not path.exists() or path.read_bytes() != data for path, data in saved.items())
            assert bool(findings_of(judge(directory))) >= (changed and directory is made.directory)
            for path, data in saved.items():
                path.write_bytes(data)
