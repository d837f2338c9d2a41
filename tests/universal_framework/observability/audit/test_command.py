"""The command: words, exit statuses, JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from universal_framework.__main__ import cli
from universal_framework.observability.audit import note

OK, ALTERED, USAGE, UNREADABLE = 0, 1, 2, 3


@pytest.fixture
def run():
    def invoke(*arguments):
        return CliRunner().invoke(cli, ["audit", *map(str, arguments)])

    return invoke


@pytest.fixture
def kept(tmp_path):
    """Keep checkpoints or keys in a file elsewhere."""

    def keep(name, data):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return keep


def test_an_intact_trail_is_said_to_be_and_what_cannot_be_excluded(closed_log, run):
    made = closed_log(100)
    result = run("verify", made.directory.parent)
    assert result.exit_code == OK
    assert f"{made.origin}: intact, closed, 102 records, 102 signed" in result.stdout
    assert "Cannot be excluded (1 of 1 logs): that the end was cut off" in result.stdout
    assert result.stdout.endswith("No findings in 1 logs.\n")


def test_with_checkpoint_and_key_from_elsewhere_nothing_is_left_open(closed_log, run, kept):
    made = closed_log(100)
    checkpoints = kept("checkpoints", b"".join(made.texts))
    key = kept("key", made.key.text.encode())
    result = run("verify", made.directory.parent, "--checkpoint", checkpoints, "--public-key", key)
    assert result.exit_code == OK
    assert "Cannot be excluded" not in result.stdout


def test_what_was_altered_is_said_with_file_line_and_byte(closed_log, run):
    made = closed_log(100)
    path = made.directory / "segments/000000000000.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:9], lines[9].replace(b"login", b"logon"), *lines[10:]]))
    result = run("verify", made.directory.parent)
    assert result.exit_code == ALTERED
    offset = sum(map(len, lines[:9]))
    assert f"{path}:10: byte {offset}: record 9 was altered\n" in result.stdout
    document = json.loads(run("verify", made.directory, "--output-format", "json").stdout)
    assert document["intact"] is False
    (finding,) = document["logs"][0]["findings"]
    assert (finding["record"], finding["byte"], finding["line"]) == (9, offset, 10)
    assert finding["file"] == "segments/000000000000.jsonl"
    assert "logon" not in result.stdout, "what a forger wrote is not repeated"


def test_a_log_that_is_gone_is_missed(closed_log, run, kept):
    made = closed_log(10)
    checkpoint = kept("checkpoint", made.texts[-1])
    shutil.rmtree(made.directory)
    assert run("verify", made.directory.parent, "--checkpoint", checkpoint).exit_code == ALTERED
    assert run("verify", made.directory.parent).exit_code == UNREADABLE


def test_a_key_in_pem_form_is_read(closed_log, run, kept):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    def pem(public):
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    made = closed_log(10)
    right = kept("right.pem", pem(Ed25519PublicKey.from_public_bytes(made.key.key)))
    wrong = kept("wrong.pem", pem(Ed25519PrivateKey.generate().public_key()))
    assert run("verify", made.directory.parent, "--public-key", right).exit_code == OK
    assert run("verify", made.directory.parent, "--public-key", wrong).exit_code == ALTERED


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["verify"], USAGE),
        (["verify", "nowhere"], UNREADABLE),
        (["verify", "DIR", "--checkpoint", "nowhere"], UNREADABLE),
        (["verify", "DIR", "--checkpoint", "JUNK"], USAGE),
        (["verify", "DIR", "--public-key", "JUNK"], USAGE),
        (["verify", "DIR", "--public-key", "EMPTY"], USAGE),
        (["export", "DIR", "--since", "yesterday"], USAGE),
        (["prove", "DIR"], USAGE),
        (["prove", "DIR", "--record", "1", "--since-size", "1"], USAGE),
        (["prove", "DIR", "--record", "999"], USAGE),
        (["prove", "DIR", "--log", "another", "--record", "1"], USAGE),
        (["prune", "DIR", "--retention-days", "1"], USAGE),
        (["no-such-command"], USAGE),
        (["show", "EMPTYDIR"], UNREADABLE),
    ],
)
def test_exit_statuses_tell_usage_from_what_cannot_be_read(closed_log, run, tmp_path, arguments, status):
    made = closed_log(10)
    (tmp_path / "JUNK").write_bytes(b"\xffjunk")
    (tmp_path / "EMPTY").write_bytes(b"\n")
    (tmp_path / "EMPTYDIR").mkdir()
    paths = {"DIR": made.directory.parent, **{n: tmp_path / n for n in ("JUNK", "EMPTY", "EMPTYDIR")}}
    result = run(*(paths.get(a, a) for a in arguments))
    assert result.exit_code == status, result.output
    assert result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_logs_are_shown(closed_log, run):
    made = closed_log(40)
    other = closed_log(40)
    text = run("show", made.directory.parent).stdout
    assert f"public key: {made.key.text}" in text
    assert other.origin in text
    rows = json.loads(run("show", made.directory.parent, "--log", made.origin, "--output-format", "json").stdout)[
        "logs"
    ]
    assert [(row["origin"], row["records"], row["state"]) for row in rows] == [(made.origin, 42, "closed")]


def test_records_are_exported_byte_for_byte_and_a_warning_given_if_altered(closed_log, run, tmp_path):
    made = closed_log(40)
    target = tmp_path / "out.jsonl"
    assert run("export", made.directory.parent, "--output", target).exit_code == OK
    path = made.directory / "segments/000000000000.jsonl"
    assert target.read_bytes() == path.read_bytes()
    rows = [json.loads(row) for row in run("export", made.directory, "--output-format", "json").stdout.splitlines()]
    assert [row["number"] for row in rows] == list(range(42))
    path.write_bytes(path.read_bytes().replace(b"login", b"logon", 1))
    result = run("export", made.directory)
    assert result.exit_code == ALTERED
    assert "altered" in result.stderr


def test_proofs_are_written(closed_log, run):
    made = closed_log(40)
    text = run("prove", made.directory, "--record", "7").stdout
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex 7\n")
    assert run("prove", made.directory, "--since-size", "5").stdout.startswith("old 5\n")
    document = json.loads(run("prove", made.directory, "--record", "7", "--output-format", "json").stdout)
    assert document["record"] == 7
    assert note.parse_checkpoint(document["checkpoint"].encode()).size == 42


def test_a_trail_is_pruned_by_what_it_promises(closed_log, run, faults):
    made = closed_log(40, days=2, clock=faults.Clock(1_600_000_000 * 10**9))
    recent = closed_log(40, clock=faults.Clock(4_000_000_000 * 10**9))
    result = run("prune", made.directory.parent)
    assert result.exit_code == OK
    assert result.stdout == f"{made.log.name}: removed 42 records in 1 segments\n"
    assert recent.log.segments()
    assert run("verify", made.directory.parent).exit_code == OK
    assert run("prune", made.directory.parent).stdout == "Nothing is old enough.\n"


def test_the_command_is_there_and_loads_only_what_it_needs():
    program = "import sys, universal_framework.__main__ as m; print([x for x in sys.modules if 'audit' in x or 'cryptography' in x])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    found = subprocess.run(
        [sys.executable, "-m", "universal_framework", "audit", "--help"], capture_output=True, text=True, check=True
    )
    assert all(name in found.stdout for name in ("verify", "show", "export", "prove", "prune"))


def test_a_reader_that_goes_away_is_no_error(closed_log):
    made = closed_log(700)
    program = f"{sys.executable} -m universal_framework audit export {made.directory} | head -1"
    found = subprocess.run(program, shell=True, capture_output=True, text=True, check=True)
    assert found.stderr == ""
