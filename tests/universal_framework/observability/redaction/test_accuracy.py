"""What is found, what is left alone, on texts nobody tuned for."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from universal_framework.observability.redaction import IpScope, Policy, Redactor

ROOT = Path(__file__).resolve().parents[4]
REDACTOR = Redactor()
EVERY_IP = Redactor(Policy(ip=IpScope.ALL))


def test_look_alikes_come_back_as_they_are(look_alikes):
    assert len(look_alikes) >= 500
    changed = {text: REDACTOR.text(text) for text in look_alikes if REDACTOR.text(text) is not text}
    assert changed == {}


@pytest.mark.campaign
def test_no_canonical_secret_leaks(rng, canary, sized):
    for _ in range(sized(4_000, 100_000)):
        kind, secret, text = canary(rng)
        assert secret not in REDACTOR.text(text), (kind, text)
        nested = json.dumps(REDACTOR.value({"a": [{"b": (text,)}], "c": text.encode()}), default=repr)
        assert json.dumps(secret)[1:-1] not in nested, (kind, text)


@pytest.mark.campaign
def test_redacting_twice_is_redacting_once(rng, canary, sized):
    for _ in range(sized(1_500, 20_000)):
        once = REDACTOR.text(canary(rng)[2])
        assert REDACTOR.text(once) == once


def test_labelled_sentences_reach_the_targets():
    folder = Path(os.environ.get("LOGSHIFT_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "pii").is_dir():
        pytest.skip(f"no labelled sentences in {folder}; set LOGSHIFT_DATA to the folder that holds pii/")
    spec = importlib.util.spec_from_file_location("bench_redaction", ROOT / "bench" / "redaction.py")
    bench = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = bench
    spec.loader.exec_module(bench)
    for file in sorted((folder / "pii").glob("*.json")):
        score = bench.accuracy(file)
        assert score.recall >= 0.97, file
        assert score.precision >= 0.98, file


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # cards: families of 12 to 19 digits, grouped as printed
        ("4012888888881881 4012-8888-8888-1881 4012 8888 8888 1881", ["CREDIT_CARD"] * 3),
        ("my card: 122000000000003", ["CREDIT_CARD"]),
        ("2223003122003222, 30569309025904, 6759649826438453, 3528000700000000", ["CREDIT_CARD"] * 4),
        ("4222222222222", ["CREDIT_CARD"]),
        ("378282246310005 or 3782 822463 10005", ["CREDIT_CARD"] * 2),
        ("4111 1111 1111 1111 123", ["CREDIT_CARD"]),
        ("4012-8888-8888-1882", []),
        ("1748503543012", []),
        # social security numbers
        ("536-90-4399", ["US_SSN"]),
        ("ssn 536904399 or 536 90 4399", ["US_SSN"] * 2),
        ("000-12-3456 666-12-3456 123-00-4567 123-45-0000 0780511201", []),
        # e-mail
        ("mail jörg@müller.de, user@xn--80ak6aa92e.com", ["EMAIL_ADDRESS"] * 2),
        ("?email=jane%40example.com&x=1", ["EMAIL_ADDRESS"]),
        ("my email is info@presidio. so", []),
        # IBAN
        ("AL47 2121 1009 0000 0002 3569 8741 was", ["IBAN_CODE"]),
        ("gb82west12345698765432", ["IBAN_CODE"]),
        ("AL47 2121 1009 0000 0002 3569 8740", []),
        ("BE71 0961 2345 6769 and MT84MALT011000012345MTLCAST001S", ["IBAN_CODE"] * 2),
        ("AB12 GB82 WEST 1234 5698 7654 32", ["IBAN_CODE"]),
        # telephone
        ("(415) 555-0132 and +1 415 555 0132", ["PHONE_NUMBER"] * 2),
        ("My CN number is 13812345678", ["PHONE_NUMBER"]),
        ("+44 (20) 7123 4567, +55 11 98456 5666, +91 4155550132", ["PHONE_NUMBER"] * 3),
        ("My Israeli number is 09-7625400", ["PHONE_NUMBER"]),
        ("Can someone call me on 467 3395?", ["PHONE_NUMBER"]),
        ("Fax: 9498777106", ["PHONE_NUMBER"]),
        ("order 555-123-4567", []),
        # tokens and keys
        ("-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\nabc\\n-----END RSA PRIVATE KEY----- x", ["PRIVATE_KEY"]),
        ("https://user:p@ss@host/x", ["URL_CREDENTIALS"]),
        ("redis://:hunter2@cache:6379/0", ["URL_CREDENTIALS"]),
        ("http://localhost:8080/@me", []),
        ("Authorization: Bearer abc.def.ghi", ["SECRET"]),
        ("?access_token=abc123def&page=2", ["SECRET"]),
        ("Cookie: sid=1; theme=dark", ["SECRET"]),
    ],
)  # fmt: skip
def test_types(text, found):
    assert [finding.entity for finding in REDACTOR.find(text)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("microsoft.com 192.168.0.1", "192.168.0.1"),
        ("684D:1111:222:3333:4444:5555:6:77", "684D:1111:222:3333:4444:5555:6:77"),
        ("Connect to [2001:db8::1]:8080", "2001:db8::1"),
        ("connecting from ::1", "::1"),
        ("Mapped: ::ffff:192.168.1.1", "::ffff:192.168.1.1"),
        ("Tunnel to 2001:db8::10.0.0.1", "2001:db8::10.0.0.1"),
        ("Gateway: fe80::1 on interface", "fe80::1"),
        ("2001:db8:0:0:0:0:192.168.1.1", "2001:db8:0:0:0:0:192.168.1.1"),
        ("684D:1111:222:3333:4444:5555:77", None),
        ("my ip: 192.168.0", None),
        ("2001:db8::256.1.1.1", None),
        ("MAC address aa:bb:cc:dd:ee:ff", None),
        ("Time 12:34:56", None),
    ],
)
def test_ip_addresses(text, found):
    assert [text[one.start : one.end] for one in EVERY_IP.find(text)] == ([found] if found else [])


def test_local_addresses_stay_unless_asked_for():
    text = "10.1.2.3 127.0.0.1 192.168.7.7 172.20.0.1 169.254.1.1 ::1 fe80::1 fd00::2"
    assert REDACTOR.text(text) is text
    assert len(EVERY_IP.find(text)) == 8
    assert Redactor(Policy(ip=IpScope.OFF)).text("8.8.8.8") == "8.8.8.8"


@pytest.mark.parametrize(
    "text",
    [
        "jane\u200b.doe@exam\u200bple.com",
        "jane.doe＠example.com",
        "jane.doe\\u0040example.com",
        "４１１１ １１１１ １１１１ １１１１",
        "٤١١١١١١١١١١١١١١١",
        "4111\u00a01111\u20111111\u00a01111",
        "log line\\nAKIAIOSFODNN7EXAMPLE\\n",
        "https:\\/\\/user:hunter22@host\\/",
    ],
)
def test_disguises_do_not_help(text):
    assert len(REDACTOR.find(text)) == 1
    assert not any(part in REDACTOR.text(text) for part in ("jane", "１１１１", "AKIA", "hunter22", "1111"))
