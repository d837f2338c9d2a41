"""Whatever a file and the environment hold: a report or a valid configuration, never a traceback, never a secret."""

from __future__ import annotations

import os
import random

import pytest

from universal_framework.config.models import SECTIONS
from universal_framework.config.production_validator import examine

from .conftest import CANARY, ENVIRON, PRODUCTION

FULL = bool(os.environ.get("LOGSHIFT_FULL"))
SEED = 20_261_122
JUNK = [
    b"\x00", b"\xff", b'"', b"'''", b"[", b"]", b"[[", b"{", b"}", b"=", b".", b"#", b"\n", b"\r", b"${", b"${A}", b"${A:-b}",
    b"$${", b"=nan", b"=1e999", b"=[1,[2]]", b"={a={b=1}}", b"=1979-05-27T00:00:00Z", b"\xef\xbb\xbf", "😀".encode(), b"=true",
    b"9" * 30, b"\\u0000", b"[redis]\n", b"[error_recovery.agents.x]\n", b"[[llm]]\n", b"=''", b'=""', CANARY.encode(),
]  # fmt: skip
TEXTS = ["", " ", "1", "true", "x", "nan", "1e999", "-1", "${A}", "redis://h/0", "rediss://:p@h:70000", "a:1,b:2", "[1]",
         "\n", "😀", "production", "staging", CANARY, "redis://:" + CANARY + "@h/x", "http://[::1"]  # fmt: skip
#: These tell names, of keys and variables, wherever they were mutated to.
NAMING = {"config.unknown_key", "config.unset_variable", "config.syntax"}
SECRET = {("redis", "url"), ("llm", "api_key")}


def mutated(data, chance):
    for _ in range(chance.randrange(1, 5)):
        at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        match chance.randrange(6):
            case 0:
                data = data[:at] + chance.choice(JUNK) + data[at:]
            case 1:
                data = data[:at] + data[min(end, at + 12) :]
            case 2:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 3:
                lines = data.splitlines(keepends=True)
                chance.shuffle(lines)
                data = b"".join(lines)
            case 4:
                data = data[:end] + data[at : at + 40] + data[end:]
            case _:
                lines = data.splitlines(keepends=True) or [b"\n"]
                number = chance.randrange(len(lines))
                key = lines[number].partition(b"=")[0]
                lines[number] = key + b"= " + chance.choice([b'"' + JUNK[-1] + b'"', *JUNK]).lstrip(b"=") + b"\n"
                data = b"".join(lines)
    return data


def variables(chance):
    if chance.random() < 0.5:
        return ENVIRON
    environ = {"REDIS_URL": chance.choice(TEXTS), "OPENAI_API_KEY": chance.choice(TEXTS)}
    for _ in range(chance.randrange(3)):
        section = chance.choice(list(SECTIONS))
        key = chance.choice([*SECTIONS[section].model_fields, "nonesuch", "agents__x__enabled", ""])
        environ[f"UF__{section}__{key}".upper()] = chance.choice(TEXTS)
    return environ


@pytest.mark.campaign
def test_20000_mutated_configurations_give_a_report_or_a_configuration(tmp_path):
    chance = random.Random(SEED)
    original = PRODUCTION.read_bytes()
    path = tmp_path / "app.toml"
    valid = 0
    codes = set()
    for _ in range(20_000 if FULL else 400):
        path.write_bytes(mutated(original, chance))
        examination = examine(str(path), variables(chance))
        report = examination.report
        assert (examination.config is not None) == report.valid
        assert report.valid or report.errors
        for issue in report.issues:
            assert issue.code.count(".") == 1
            assert issue.message
            assert "\n" not in str(issue)
        codes.update(report.codes())
        valid += report.valid
        told = [issue for issue in report.issues if issue.code not in NAMING]
        settings = [one for one in examination.settings() if one.path in SECRET]
        assert CANARY not in f"{told} {settings}"
    assert valid > 0
    assert {"config.syntax", "config.unknown_key", "config.type", "redis.url", "llm.api_key"} <= codes
