"""Killed at a random moment under load: the log opens, verifies, and nothing that was acknowledged is missing."""

from __future__ import annotations

import json
import random
import time

import pytest

from universal_framework.observability.audit import stored

CHILD = """
import mmap, os, struct, sys, threading
from universal_framework.observability.audit import AuditLog
directory, board, durability = sys.argv[1], sys.argv[2], sys.argv[3]
shared = mmap.mmap(os.open(board, os.O_RDWR), 4096)
log = AuditLog.open(directory, durability=durability, segment_bytes=20_000, checkpoint_every=50,
                    checkpoint_seconds=0.01, epoch_seconds=0.05, heartbeat_seconds=0.02, sync_seconds=0.01)
def work(who):
    n = 0
    while True:
        log.append(b'{"who":%d,"n":%d,"pad":"%s"}' % (who, n, b"x" * (n % 90)))
        n += 1
        struct.pack_into("<q", shared, 64 * (who + 1), n)  # how many are acknowledged
threads = [threading.Thread(target=work, args=(who,), daemon=True) for who in range(3)]
for thread in threads:
    thread.start()
shared[0:1] = b"R"
threading.Event().wait()
"""


@pytest.mark.campaign
@pytest.mark.parametrize("durability", ["commit", "async"])
def test_killed_at_any_moment_it_opens_verifies_and_keeps_what_was_acknowledged(
    start_python, tmp_path, judge, open_log, lines_of, full, durability
):
    chance = random.Random()
    for number in range(250 if full else 8):
        board, directory = tmp_path / "board", tmp_path / f"t{number}"
        board.write_bytes(bytes(4096))
        process = start_python(CHILD, directory, board, durability)
        end = time.monotonic() + 60
        while board.read_bytes()[:1] != b"R":
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.002)
        time.sleep(chance.random() ** 2 * 0.4)
        process.kill()
        process.wait()
        acknowledged = [int.from_bytes(board.read_bytes()[64 * (w + 1) :][:8], "little") for w in range(3)]
        now = time.time_ns()
        assert judge(directory, now=now).intact, "as the crash left it"
        open_log(directory).close()
        report = judge(directory, now=now)
        assert report.intact, report
        assert {log.state for log in report.logs} == {stored.State.CLOSED}
        rows = [json.loads(line) for line in lines_of(directory)]
        for who in range(3):
            there = [row["n"] for row in rows if row["who"] == who]
            assert there == list(range(len(there)))
            if durability == "commit":
                assert len(there) >= acknowledged[who], f"{acknowledged[who]} were acknowledged, {len(there)} are there"
