"""Secrets and look-alikes, from generators that know nothing of the patterns they are to meet."""

import base64
import json
import os
import random
import string
import uuid

import pytest

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def _some(rng, alphabet, count):
    return "".join(rng.choice(alphabet) for _ in range(count))


def _with_luhn(body):
    for check in "0123456789":
        total = 0
        for place, char in enumerate(reversed(body + check)):
            number = int(char) * (2 if place % 2 else 1)
            total += number - 9 if number > 9 else number
        if total % 10 == 0:
            return body + check
    raise AssertionError(body)


def _card(rng):
    prefix, length = rng.choice(
        [("4", 16), ("4", 13), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15),
         ("300", 14), ("36", 14), ("38", 14), ("6011", 16), ("65", 16), ("3528", 16), ("3589", 16), ("62", 16), ("62", 19),
         ("5018", 12), ("6304", 13), ("6759", 16)]
    )  # fmt: skip
    digits = _with_luhn(prefix + _some(rng, string.digits, length - len(prefix) - 1))
    if length == 16 and rng.random() < 0.6:
        return rng.choice([" ", "-"]).join(digits[i : i + 4] for i in range(0, 16, 4))
    if length == 15 and rng.random() < 0.5:
        return f"{digits[:4]} {digits[4:10]} {digits[10:]}"
    return digits


def _iban(rng):
    country, shape = rng.choice(
        [("DE", "n" * 18), ("GB", "aaaa" + "n" * 14), ("FR", "n" * 10 + "c" * 11 + "nn"), ("NL", "aaaa" + "n" * 10),
         ("CH", "n" * 5 + "c" * 12), ("ES", "n" * 20), ("NO", "n" * 11), ("MT", "aaaa" + "n" * 5 + "c" * 18),
         ("RO", "aaaa" + "c" * 16), ("KW", "aaaa" + "c" * 22), ("PL", "n" * 24), ("BR", "n" * 23 + "ac")]
    )  # fmt: skip
    letters = {"n": string.digits, "a": string.ascii_uppercase, "c": string.ascii_uppercase + string.digits}
    account = "".join(rng.choice(letters[kind]) for kind in shape)
    number = "".join(str(int(char, 36)) for char in account + country)
    iban = f"{country}{98 - int(number + '00') % 97:02}{account}"
    form = rng.random()
    if form < 0.4:
        return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))
    return iban.lower() if form < 0.5 and "c" not in shape else iban


def _email(rng):
    local = _some(rng, string.ascii_lowercase, rng.randint(1, 9)) + rng.choice(["", ".x", "+tag", "_7", "-ab"])
    domain = ".".join(_some(rng, string.ascii_lowercase, rng.randint(2, 9)) for _ in range(rng.randint(1, 3)))
    return f"{local}@{domain}.{rng.choice(['com', 'de', 'co.uk', 'io', 'museum', 'xn--p1ai'])}"


def _phone(rng):
    shape = rng.choice(
        ["+1-###-###-####", "+1 (###) ###-####", "(###) ###-####", "###-###-####", "###.###.####x###", "+44 20 7### ####",
         "+49 30 #######", "+33 1 ## ## ## ##", "+91 ##### #####", "+46 (0)8 ### ### ##", "0### ### ####", "001-###-###-####",
         "+4915#########", "+81-90-####-####", "+55 11 9####-####", "+7 (###) ###-##-##", "0#.##.##.##.##"]
    )  # fmt: skip
    return "".join(rng.choice("23456789") if char == "#" else char for char in shape)


def _ssn(rng):
    area = rng.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"


def _ip(rng):
    if rng.random() < 0.3:
        return ":".join(f"{rng.randint(0x2000, 0x3FFF) if i == 0 else rng.randint(1, 0xFFFF):x}" for i in range(8))
    return f"{rng.choice([8, 23, 93, 151, 203])}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}"


def _jwt(rng):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    header = part({"alg": "HS256", "typ": "JWT"})
    return f"{header}.{part({'sub': rng.randint(1, 10**9), 'n': _some(rng, ALNUM, 6)})}.{_some(rng, ALNUM + '-_', 43)}"


def _pem(rng):
    lines = "\n".join(_some(rng, ALNUM + "+/", 64) for _ in range(rng.randint(3, 12)))
    kind = rng.choice(["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED "])
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def _token(rng):
    upper = string.ascii_uppercase
    return rng.choice(
        [
            lambda: rng.choice(["AKIA", "ASIA"]) + _some(rng, upper + "234567", 16),
            lambda: rng.choice(["ghp_", "gho_", "ghu_", "ghs_", "ghr_"]) + _some(rng, ALNUM, 36),
            lambda: "github_pat_" + _some(rng, ALNUM, 22) + "_" + _some(rng, ALNUM, 59),
            lambda: "glpat-" + _some(rng, ALNUM + "-_", 20),
            lambda: f"xoxb-{_some(rng, '123456789', 12)}-{_some(rng, '123456789', 12)}-{_some(rng, ALNUM, 24)}",
            lambda: f"xapp-1-A{_some(rng, upper, 9)}-{_some(rng, '123456789', 12)}-{_some(rng, HEX, 64)}",
            lambda: "sk-" + _some(rng, ALNUM, 20) + "T3BlbkFJ" + _some(rng, ALNUM, 20),
            lambda: "sk-proj-" + _some(rng, ALNUM + "-_", 74) + "T3BlbkFJ" + _some(rng, ALNUM + "-_", 74),
            lambda: "sk-ant-api03-" + _some(rng, ALNUM + "-_", 93) + "AA",
            lambda: "AIza" + _some(rng, ALNUM + "-_", 35),
            lambda: rng.choice(["sk_live_", "rk_live_", "sk_test_"]) + _some(rng, ALNUM, 24),
            lambda: "SK" + _some(rng, HEX, 32),
            lambda: "SG." + _some(rng, ALNUM + "-_", 22) + "." + _some(rng, ALNUM + "-_", 43),
            lambda: "npm_" + _some(rng, ALNUM, 36),
            lambda: "pypi-AgEIcHlwaS5vcmc" + _some(rng, ALNUM + "-_", 70),
            lambda: "dop_v1_" + _some(rng, HEX, 64),
            lambda: "hf_" + _some(rng, string.ascii_letters, 34),
            lambda: _some(rng, "123456789", 10) + ":AA" + _some(rng, ALNUM + "-_", 33),
            lambda: "M" + _some(rng, ALNUM, 23) + "." + _some(rng, ALNUM, 6) + "." + _some(rng, ALNUM + "-_", 38),
            lambda: "AccountKey=" + base64.b64encode(rng.randbytes(64)).decode(),
            lambda: _some(rng, ALNUM, 3) + "8Q~" + _some(rng, ALNUM + "_~.-", 34),
            lambda: "shpat_" + _some(rng, HEX, 32),
            lambda: "hvs." + _some(rng, ALNUM + "-_", 95),
            lambda: "dapi" + _some(rng, HEX, 32),
            lambda: "glsa_" + _some(rng, ALNUM, 32) + "_" + _some(rng, HEX, 8),
            lambda: "lin_api_" + _some(rng, ALNUM, 40),
            lambda: "ya29." + _some(rng, ALNUM + "-_", 60),
            lambda: "AGE-SECRET-KEY-1" + _some(rng, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
        ]
    )()


def _password(rng):
    return _some(rng, ALNUM + "!#$*-_.+", 12) + rng.choice(ALNUM)


def _canary(rng):
    """A secret, and a text around it without which it would be none."""
    kind, make, frames = rng.choice(
        [
            ("CREDIT_CARD", _card, ["{}", "card={}", "paid with {}."]),
            ("IBAN_CODE", _iban, ["{}", "transfer to {} done", "iban={}"]),
            ("EMAIL_ADDRESS", _email, ["{}", "<{}>", "mail to {}, twice", "user={}"]),
            ("PHONE_NUMBER", _phone, ["{}", "call {} now", "tel:{}", "({})"]),
            ("US_SSN", _ssn, ["{}", "SSN {}", "ssn={};"]),
            ("IP_ADDRESS", _ip, ["{}", "from {} via proxy", "[{}]", "http://{}/x"]),
            ("JWT", _jwt, ["{}", "token {}", "?t={}&x=1"]),
            ("PRIVATE_KEY", _pem, ["{}", "key:\n{}\nend"]),
            ("API_TOKEN", _token, ["{}", "using {} for it", "k={}", '"{}"', "https://api.example/x?k={}", "at /x/{}"]),
            ("URL_CREDENTIALS", lambda rng: f"{_some(rng, ALNUM, 6)}:{_password(rng)}", ["postgres://{}@db:5432/x"]),
            ("AUTHORIZATION", lambda rng: _some(rng, ALNUM, 30), ["Bearer {}", "Authorization: Bearer {}"]),
            (
                "AUTHORIZATION",
                lambda rng: base64.b64encode(f"u:{_password(rng)}".encode()).decode(),
                ["Basic {}", "authorization: Basic {}"],
            ),
            (
                "SECRET",
                _password,
                ["password={}", "password: {}", "?token=1{}&b=2", '{{"api_key": "{}"}}', "--password {}", "pwd='{}'",
                 "{{'secret': '{}'}}", "DB_PASSWORD={}", "client_secret={} next", "<password>{}</password>"],
            ),
        ]
    )  # fmt: skip
    secret = make(rng)
    text = rng.choice(frames).format(secret)
    return kind, secret, rng.choice(["{}", "{}", "'{}'", "a ({})", "x, {}, y"]).replace("{}", text)


def _look_alikes(rng):
    """Texts that only look like secrets; a round of each kind."""
    ulid = _some(rng, "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 26)
    day = f"20{rng.randint(10, 29)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    seconds = rng.randint(1_400_000_000, 1_999_999_999)
    yield f"order ORD-{rng.randint(2000, 2030)}-{rng.randint(100000, 999999)} created"
    yield f"order {_some(rng, '23456789', 10)} shipped"
    yield f"order_id={_some(rng, '123456789', 9)}"
    yield f"invoice INV{_some(rng, string.digits, 8)} ticket #{rng.randint(1000, 99999999)}"
    yield ulid
    yield f"request 0{ulid[1:]} took {rng.randint(1, 99999)} ms"
    yield str(uuid.UUID(int=rng.getrandbits(128), version=4))
    yield f"job {uuid.UUID(int=rng.getrandbits(128), version=4)} done"
    yield f"00-{_some(rng, HEX, 32)}-{_some(rng, HEX, 16)}-01"
    yield f"trace_id={_some(rng, HEX, 32)} span_id={_some(rng, HEX, 16)}"
    yield f"commit {_some(rng, HEX, 40)}"
    yield f"sha256:{_some(rng, HEX, 64)}"
    yield f"{day}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}.{rng.randint(0, 999999):06}Z"
    yield f"{day} {rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02},{rng.randint(0, 999):03} +0200"
    yield f"{seconds}"
    yield f"at {seconds}{rng.randint(0, 999):03} and {seconds}.{rng.randint(0, 999999):06}"
    yield f"ts={seconds}{rng.randint(0, 999999):06} ns={seconds}{rng.randint(0, 10**9 - 1):09}"
    yield f"upgraded to v{rng.randint(0, 20)}.{rng.randint(0, 99)}.{rng.randint(0, 99)}.{rng.randint(0, 99)}"
    yield f"version {rng.randint(0, 20)}.{rng.randint(0, 99)}.{rng.randint(0, 99)}.{rng.randint(0, 99)}"
    yield f"pandas=={rng.randint(0, 3)}.{rng.randint(0, 30)}.{rng.randint(0, 9)} python-3.{rng.randint(8, 14)}.{rng.randint(0, 12)}"
    yield f"Chrome/{rng.randint(80, 140)}.0.{rng.randint(1000, 9999)}.{rng.randint(1, 200)} Safari/537.36"
    yield f"listening on 127.0.0.1:{rng.randint(1024, 65535)} and 10.{rng.randint(0, 255)}.{rng.randint(0, 255)}.7"
    yield f"lat={rng.uniform(-90, 90):.6f} lon={rng.uniform(-180, 180):.6f}"
    yield f"({rng.uniform(-90, 90):.7f}, {rng.uniform(-180, 180):.7f})"
    yield f"total {rng.randint(1, 9999)}.{rng.randint(0, 99):02} EUR, {rng.randint(1, 9)},{rng.randint(100, 999)},{rng.randint(100, 999)}.00"
    yield f"ISBN 978-3-{rng.randint(10, 99)}-{rng.randint(100000, 999999)}-{rng.randint(0, 9)}"
    yield f"ean {_some(rng, '456', 1)}{_some(rng, string.digits, 12)} order {_some(rng, '456', 1)}{_some(rng, string.digits, 12)}"
    yield f"tracking 1Z999AA1{_some(rng, string.digits, 10)}"
    yield f"tracking number 9400 1{rng.randint(100, 999)} {rng.randint(1000, 9999)} 0000 0000 00"
    yield f"mac {':'.join(_some(rng, HEX, 2) for _ in range(6))} eui {':'.join(_some(rng, HEX, 2) for _ in range(8))}"
    yield f'"GET /api/v1/items/{rng.randint(1, 10**7)} HTTP/1.1" 200 {rng.randint(1000, 9999)} "-" 0.{rng.randint(100, 999)}'
    yield f"0x{_some(rng, HEX, 12)} at <Foo object at 0x7f{_some(rng, HEX, 10)}>"
    yield f"processed {rng.randint(10, 99)} {rng.randint(100, 999)} {rng.randint(100, 999)} rows in {rng.randint(1, 99)} s"
    yield f"user@{rng.randint(1000, 1010)}.service started; logo@2x.png; lodash@4.17.{rng.randint(1, 30)}"
    yield f"git@github.com:team/repo-{rng.randint(1, 99)}.git"
    yield f"std::vector<int>::at abc::def 12:34:56 Foo::bar::{rng.randint(1, 9)}"
    yield f"token_count={rng.randint(1, 4096)} max_tokens: {rng.randint(1, 4096)} next_page_token=abc{rng.randint(1, 99)}"
    yield f"password_reset_url=/reset/{rng.randint(1, 99)} password: must be at least {rng.randint(8, 16)} characters"
    yield "bearer authentication failed; basic authentication required; token: expired, secret: missing"
    yield f"pid={rng.randint(2, 4194304)} port {rng.randint(1, 65535)} thread {rng.randint(0x7E0000000000, 0x7FFFFFFFFFFF)}"
    yield f"range {rng.randint(1000, 4999)}-{rng.randint(5000, 9999)} pages 12-34, section 1.2.3.{rng.randint(1, 9)}"
    yield f"build {rng.randint(20200101, 20301231)}.{rng.randint(1, 99)} rev {rng.randint(1000000, 9999999)}"
    yield f"sku AB-{rng.randint(1000, 9999)}-{rng.randint(10, 99)} lot {rng.randint(100000, 999999)}-{rng.randint(10, 99)}"


@pytest.fixture
def rng():
    """Return a source of chance that is the same in every run."""
    return random.Random(20240229)


@pytest.fixture
def canary():
    """Return a function: rng -> (type, secret, text with it)."""
    return _canary


@pytest.fixture
def look_alikes(rng):
    """Return some 800 texts without a secret."""
    return [text for _ in range(20) for text in _look_alikes(rng)]


@pytest.fixture
def sized():
    """Return a function: sample size, full size -> how many this run does."""
    return lambda sample, full: full if os.environ.get("LOGSHIFT_FULL") else sample
