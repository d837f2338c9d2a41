"""Hyperscan spares work, and changes nothing."""

import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from universal_framework.observability.redaction import (
    Engine,
    IpScope,
    Policy,
    Redactor,
    _names,
    _phones,
    _policy,
    _scan,
)

ROOT = Path(__file__).resolve().parents[4]
PURE = Redactor()


def test_an_engine_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(_policy, "_is_installed", lambda _: False)
    with pytest.raises(ValueError, match=r"Policy.engine: hyperscan is not installed; pip install 'logshift\[hyper"):
        Policy(engine=Engine.HYPERSCAN)


def test_an_engine_of_another_name_is_none():
    with pytest.raises(ValueError, match=r"Policy\.engine: 'turbo' is none of pure, hyperscan"):
        Policy(engine="turbo")


def test_nobody_imports_hyperscan_unasked():
    code = (
        "import sys; from universal_framework.observability.redaction import redact; redact('a@b.example ' * 500); "
        "print('hyperscan' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False"]


@pytest.fixture(scope="module")
def engine():
    """Return a pair of redactors for each scope of addresses: pure, and with Hyperscan for texts of any length."""
    pytest.importorskip("hyperscan", reason="pip install 'logshift[hyperscan]'")
    pairs = [
        (Redactor(Policy(ip=scope)), Redactor(Policy(ip=scope, engine=Engine.HYPERSCAN)))
        for scope in (IpScope.PUBLIC, IpScope.ALL)
    ]
    for _, quick in pairs:
        quick._finder._scan_from = 0
    return pairs


def agree(engine, text):
    for pure, quick in engine:
        for verdict in (_names.PLAIN, _names.TELEPHONE, _names.IDENTIFIER):
            assert quick._finder.find(text, verdict) == pure._finder.find(text, verdict), (verdict, text)


PIECES = [
    "a", "é", "Ж", "@", ".", "4111111111111111", "4111 1111 1111 1112", "x.com", "password", "=", ":", " ", "1", "\u200b", "＠", "１",
    "\\u0040", "--", "<", ">", "sk-", "AKIAIOSFODNN7EXAMPLE", "::", "1:", "fe80", "Bearer ", "eyJhbGciOiJ9", "_", "-", '"', "api", "key",
    "+49", "30 1234567", "(415) 555-0132", "467 3395", "call", "no", "order ", "%40", "GB82", "WEST12345698765432", "\\n", "ssn ",
    "536-90-4399", "536904399", "8.8.8.8", "v1.2.3.4", "10.0.0.1", "://", "u:p", "\n", ",", "token", "secret_", "SG.", "-us1", "K",
]  # fmt: skip


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_both_engines_find_the_same(engine, text):
    agree(engine, text)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=80))
def test_both_engines_find_the_same_in_any_text(engine, text):
    agree(engine, text)


@pytest.mark.campaign
def test_both_engines_find_every_canary(engine, rng, canary, sized):
    for _ in range(sized(500, 100_000)):
        agree(engine, canary(rng)[2])


def test_both_engines_leave_look_alikes(engine, look_alikes):
    for text in look_alikes:
        agree(engine, text)


def test_both_engines_agree_on_the_labelled_sentences(engine):
    folder = Path(os.environ.get("LOGSHIFT_DATA") or ROOT.parent / "shared" / "data") / "pii"
    if not folder.is_dir():
        pytest.skip(f"no labelled sentences in {folder}; set LOGSHIFT_DATA to the folder that holds pii/")
    for file in sorted(folder.glob("*.json")):
        for sentence in json.loads(file.read_text()):
            agree(engine, sentence["full_text"])


def test_both_engines_agree_on_long_texts(engine, rng, canary, look_alikes):
    for _ in range(60):
        parts = [canary(rng)[2] if rng.random() < 0.5 else rng.choice(look_alikes) for _ in range(rng.randint(5, 300))]
        agree(engine, rng.choice([" ", "\n", ", "]).join(parts))


UNITS = [
    "a@b.c ",
    "a@",
    "1.1.1.1 ",
    "192.168.0.1 ",
    "10.1.2.3",
    "1.2.3.",
    "::",
    "a:",
    "1:",
    "://a:",
    "fe80::1 ",
    "FD00::1 ",
    "2001:db8::",
    "::ffff:8.8.8.8 ",
    "::1 ",
    "abc::def ",
    "1:2:3:4:5:6:7:8 ",
    "01:02:03:04:05:06:07:08 ",
    "4111 1111 1111 1112 ",
    "4111-1111-1111-1111-123 ",
    "1234 ",
    "3782 822463 10005",
    "GB82 WEST ",
    "GB82WEST12345698765432 ",
    "078-05-1120",
    "000-00-0000 ",
    "666-12-3456 ",
    "ssn 078051120 ",
    "ſsn 078 05 1120 ",
    "call 555 1234 ",
    "fax ",
    "0341 8387176 ",
    "0123 456",
    "x@",
    "12 ",
    "(415) 555-",
    "(415) 555-0132 x7",
    "+49 30 ",
    "+49 30 1234567,",
    "00 1 ",
    "905.674.3793ext. 12 ",
    "7",
    "-",
    ".",
    " ",
    "\n",
    ",",
    "é",
    "Ж",
    "\u200b",
    "＠",
    "１",
    "\xad",
    "\xa0",
    "\\u0040",
    "\\u0034",
    "\\n",
    "1Q~",
    "sk-",
    "sk-a",
    "AKIAIOSFODNN7EXAMPLE",
    "sig=",
    "_mmk",
    "Bearer ",
    "bearer a.b ",
    "Bearer Token-based ",
    "Bearer abcDef",
    "Basic YTpi ",
    "Basic dTpw..",
    "basic dXNlcjpwYXNz= ",
    "--token ",
    "--token x ",
    "--a - ",
    "---",
    "password=",
    "password: x ",
    "api key: ",
    "token: a",
    "-----BEGIN PRIVATE KEY-----",
    "eyJhbGciOiJ.",
    "https://u:p@h/ ",
]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(UNITS), st.integers(1, 12)), max_size=8))
def test_both_engines_find_the_same_among_near_misses(engine, parts):
    agree(engine, "".join(unit * times for unit, times in parts))


def test_both_engines_agree_on_hostile_texts(engine, rng, sized):
    for unit in UNITS:
        agree(engine, (unit * 10_000)[: rng.randint(600, 10_000)])
    for _ in range(sized(40, 4_000)):
        few = rng.sample(UNITS, rng.randint(1, 4))
        agree(engine, "".join(rng.choices(few, k=2_000))[: rng.randint(600, 20_000)])


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text("0123456789abcdefF:. x-", max_size=48))
def test_both_engines_find_the_same_addresses(engine, text):
    agree(engine, text)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text("0123456789+() .-/,:x", max_size=60), st.sampled_from(["", "call ", "ssn "]))
def test_both_engines_find_the_same_numbers(engine, text, word):
    agree(engine, word + text)


NAMES = [
    "key: v1 ",
    "api key: v2 ",
    "Api Key=v3 ",
    "apiKey:v4",
    "the secret code: v5 ",
    "card number: v6 ",
    "token",
    "Token",
    "dbToken=v",
    "my_pass-word: v",
    "password-=v ",
    "_pin=1234",
    "7pin=1234",
    "x7pin:v",
    "--pin ",
    "--pin v ",
    "--a-b v ",
    "-p=v ",
    "'secret': 'v', ",
    "<token>v</token>",
    "cvv2%3D123&",
    "é",
    "Жtoken=v ",
    "mytoken=v ",
    "MYTOKEN=v",
    "GITHUB_TOKEN=v ",
    "user_password_ = v",
    " ",
    "\n",
    ", ",
    "=",
    ": ",
    "x",
    "-",
    "_",
]


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([1, 1, 1, 2, 70])), max_size=10))
def test_both_engines_find_the_same_names(engine, parts):
    agree(engine, "".join(unit * times for unit, times in parts))


@pytest.mark.parametrize("pattern", ["STRONG", "PHONE"])
def test_every_telephone_number_begins_near_a_place(engine, rng, canary, look_alikes, pattern):
    scanner = _scan.scanner(frozenset(), local_too=False)
    search = getattr(_phones, pattern).search
    for _ in range(300):
        text = "".join(rng.choice([canary(rng)[2], rng.choice(look_alikes), rng.choice(UNITS)]) for _ in range(30))
        raw = text.encode("latin-1", "replace")
        near = scanner.phones(raw, told=pattern == "PHONE")
        for position in range(0, len(text), 7):
            far = search(text, position)
            close = near(text, position) if pattern == "PHONE" or not _phones.are_told_of(raw) else far
            assert (close and close.span()) == (far and far.span()), text


def test_own_key_names_are_scanned_for(engine):
    quick = Redactor(Policy(keys=frozenset({"memberNo", "Größe"}), engine=Engine.HYPERSCAN))
    for text in ("member-no: hunter22", "größe=hunter22"):
        long = f"{'x ' * _scan.SHORTEST}{text}"
        assert quick.text(long) == Redactor(Policy(keys=frozenset({"memberNo", "Größe"}))).text(long)
        assert "hunter22" not in quick.text(f"{'x ' * _scan.SHORTEST}member-no: hunter22")


def test_threads_scan_at_once(engine, canary):
    texts = [" ".join(canary(random.Random(seed))[2] for _ in range(40)) for seed in range(20)]
    expected = [PURE.text(text) for text in texts]
    quick = engine[0][1]
    wrong = []

    def work():
        for _ in range(20):
            wrong.extend(text for text, want in zip(texts, expected, strict=True) if quick.text(text) != want)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_scan_that_fails_spares_nothing(engine):
    scan = _scan.scanner(frozenset(), local_too=False).possible
    assert scan("not bytes") >= {"EMAIL_ADDRESS", "SECRET"}
