"""Redaction: what it costs, what hostile texts cost, and how well it finds (docs/redaction.md quotes this).

    python bench/redaction.py [cost] [logger] [hostile] [accuracy] [--data FOLDER]

The rival is what one writes first: eleven patterns, each applied with ``re.sub`` to every string, and a set of
key names. Both run in turn in one process; CPU time of the thread, medians of the ratios round by round. Accuracy needs
the folder that holds ``pii/*.json`` (argument, LOGSHIFT_DATA, or ../shared/data).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import statistics
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from universal_framework.observability.redaction import Engine, IpScope, Policy, Redactor

ROOT = Path(__file__).resolve().parent.parent
TYPES = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IBAN_CODE", "IP_ADDRESS")
ROUNDS = 15
HOSTILE_LENGTH = 10_000
#: Events with ids of their own: more than the redactor remembers texts.
FRESH = 5_000
#: So many of the worst texts are measured once more, and closer.
AGAIN = 12

NAIVE = [
    re.compile(pattern)
    for pattern in (
        r"(?<=://)[^\s/:@\"']{1,128}:[^\s/@\"']{1,128}(?=@)",
        r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}",
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}",
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        r"\bsk-[A-Za-z0-9_-]{20,}",
        r"\bgh[pousr]_[A-Za-z0-9]{36}\b",
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        r"(?<![\d.-])\d{3}-\d{2}-\d{4}(?![\d-])",
        r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-])",
        r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])",
        r"(?<![\w.-])(?:\+\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}(?![\w-])",
    )
]
NAIVE_KEYS = frozenset(
    {"password", "passwd", "secret", "token", "api_key", "authorization", "cookie", "ssn", "iban", "pin"}
)


def naive_text(text: str) -> str:
    """Apply every pattern to `text`."""
    for pattern in NAIVE:
        text = pattern.sub("[REDACTED]", text)
    return text


def naive(value: Any) -> Any:
    """Redact recursively, copying everything."""
    if isinstance(value, str):
        return naive_text(value)
    if isinstance(value, dict):
        return {key: "[REDACTED]" if key.lower() in NAIVE_KEYS else naive(item) for key, item in value.items()}
    return [naive(item) for item in value] if isinstance(value, list) else value


FLAT = {
    "event": "order created",
    "request_id": "01J9Z3K7Q8W5E6R7T8Y9",
    "user_id": 184467,
    "path": "/api/v1/orders",
    "ms": 12.75,
}
NESTED = {
    "event": "request finished",
    "service": "checkout",
    "http": {
        "method": "POST",
        "path": "/api/v1/orders",
        "status": 201,
        "headers": {
            "content-type": "application/json; charset=utf-8",
            "accept-encoding": "gzip, deflate, br",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101",
        },
    },
    "order": {"currency": "EUR", "total": 129.9, "items": [{"sku": "AB-1042", "qty": 2}, {"sku": "ZK-77", "qty": 1}]},
    "ms": 12.75,
}
DIRTY = {
    "event": "user jane.doe@example.com signed up",
    "service": "accounts",
    "http": {
        "method": "POST",
        "path": "/api/v1/users",
        "status": 201,
        "client": "203.0.113.77",
        "headers": {
            "content-type": "application/json; charset=utf-8",
            "authorization": "Bearer abc.def.ghi",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101",
        },
    },
    "form": {
        "password": "hunter2",
        "phone": "(555) 010-4477",
        "card": "4111 1111 1111 1111",
        "note": "my ssn is 536-90-4399, key AKIAIOSFODNN7EXAMPLE",
    },
    "ms": 12.75,
}
PROSE = "Upstream connection pool exhausted while waiting for a free slot; retried with back-off and succeeded. " * 20
EVENTS: dict[str, dict[str, Any]] = {"flat": FLAT, "nested": NESTED, "dirty": DIRTY, "long": {**FLAT, "detail": PROSE}}

HOSTILE = (
    "a|a.|a@|1-|1 11 |1234567890|QUJDREVGR0hJ|eyJ|://a:|AB12 |a@b.|a@b.c |@|1|12 |123 |1234 |4111 1111 1111 1112 |"
    "4111111111111111 |4111 1111 1111 1111 |GB82 |GB82WEST12345698765432 |GB82 WEST 1234 |password=|password: x |"
    'password=\'|"password":"|--token |-----BEGIN PRIVATE KEY-----|-----END|Bearer |Bearer a.b |Basic YTpi |Basic |1.1.1.1 |'
    "1.|1.2.3.|::|a:|1:|fe80::1 |2001:db8::|%40|a%40b.c |\\u0040|\\n|\\/|\\\\|sk-|sk-a|ghp_|xoxb-|AKIA|AKIAIOSFODNN7EXAMPL|"
    "eyJa.eyJb.|eyJhbGciOiJ.|eyJhbGciOiJIUzI1NiJ9.|key=|key: value |a=b&|a=b;|<a>|<password>|(415) 555-|(415)|+1|+1 |"
    "+49 30 |0123 456|01 |00 1 |555-1234 |call 555 1234 |phone |phone 1234567 |no 1234567 |order 555-123-4567 |a-|a_|_|-|.| |"
    'é|\u200b|１|\u00a0|ａ|@\u200b|4\u200b1|{|}|[|"|\'|\\"|,|;|a,b;|token: a|secret secret |my number is |api key: |v1.2.3.4 |'
    "https://u:p@h/ |https://u:|x://:@|AccountKey=|sig=|SG.|SG.a|hvs.|dp.pt.|key-|-us1|A|S|SK|dapi|pat|123456789:A|"
    "MTAx.abcdef.|a.b-c_d|Q~|1Q~|_mmk|0|00|000-00-0000 |536-90-4399 |078-05-1120|ssn 078051120 "
).split("|")


def hostile_texts() -> list[str]:
    """Return 10 kB texts: each of the beginnings above repeated, alone and behind a digit or an at sign."""
    units = [unit for unit in HOSTILE if unit]
    more = [f"{front}{unit}" for unit in units[::2] for front in ("7", "x@")]
    return [(unit * (HOSTILE_LENGTH // len(unit) + 1))[:HOSTILE_LENGTH] for unit in units + more]


def hostile_mixtures() -> list[str]:
    """Return as many texts of random successions of up to four of those beginnings, so that nothing has a period."""
    chance = random.Random(20240229)  # noqa: S311 - texts for a bench
    units = [unit for unit in HOSTILE if unit]
    texts = []
    for _ in hostile_texts():
        few = chance.sample(units, chance.randint(1, 4))
        texts.append("".join(chance.choices(few, k=HOSTILE_LENGTH))[:HOSTILE_LENGTH])
    return texts


def cpu_us(call: Callable[[], object], times: int) -> float:
    """Return the microseconds of CPU that one of `times` calls takes."""
    start = time.thread_time_ns()
    for _ in range(times):
        call()
    return (time.thread_time_ns() - start) / times / 1_000


def compared(ours: Callable[[], object], theirs: Callable[[], object], times: int) -> tuple[float, float, float]:
    """Return both medians and the median ratio of `ROUNDS` rounds in which both run in turn."""
    pairs = [(cpu_us(ours, times), cpu_us(theirs, times)) for _ in range(ROUNDS)]
    return (
        statistics.median(one for one, _ in pairs),
        statistics.median(other for _, other in pairs),
        statistics.median(one / other for one, other in pairs),
    )


def fresh_events() -> list[dict[str, Any]]:
    """Return nested events whose ids differ from one to the next, so that no memory of texts helps."""
    chance = random.Random(20240229)  # noqa: S311 - ids for a bench
    crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return [
        {
            **NESTED,
            "request_id": "01" + "".join(chance.choices(crockford, k=24)),
            "trace_id": f"{chance.getrandbits(128):032x}",
            "order": {**NESTED["order"], "id": str(uuid.UUID(int=chance.getrandbits(128), version=4))},
            "user": {
                "id": f"user_{chance.randrange(10**6)}",
                "path": f"/api/v1/users/{chance.randrange(10**5)}/orders",
            },
        }
        for _ in range(FRESH)
    ]


def for_each(events: list[dict[str, Any]], call: Callable[[dict[str, Any]], object]) -> Callable[[], object]:
    """Return what hands `call` the next of `events` each time."""
    turn = itertools.cycle(events)
    return lambda: call(next(turn))


def logger() -> None:
    """Print what the lines of dirty events cost: the house's layout, and structlog with the rival as a processor."""
    import orjson
    import structlog

    from universal_framework.observability import _pipeline, _render

    layout, pipeline = _render.JsonLines(), _pipeline.current()
    head = layout.head("info", "bench", "bench", {})
    hidden = 0
    theirs = structlog.wrap_logger(
        structlog.BytesLogger(open(os.devnull, "wb")),  # noqa: SIM115 - until the process ends
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            lambda _logger, _method, event: naive(event),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=True,
    )
    fresh = fresh_events()
    print("through the logger: one line, against structlog with 11 x re.sub as a processor")
    print(f"{'event':<16}{'line us':>9}{'structlog us':>14}{'ratio':>8}")
    for name, events in (*((name, [event]) for name, event in EVENTS.items()), ("nested, new ids", fresh)):
        ours = for_each(events, lambda event: layout.line(time.time_ns(), head, b"", event, pipeline, hidden))
        one, other, ratio = compared(ours, for_each(events, lambda event: theirs.info(**event)), 200)
        print(f"{name:<16}{one:>9.1f}{other:>14.1f}{ratio:>8.2f}")


def cost() -> None:
    """Print what redacting one event costs."""
    redactor = Redactor()
    print("cost of one event, against 11 x re.sub on every string")
    print(f"{'event':<16}{'gate us':>9}{'fields us':>11}{'naive us':>10}{'ratio':>8}")
    for name, event in EVENTS.items():
        line = json.dumps(event, separators=(",", ":")).encode()
        gate = statistics.median(cpu_us(lambda line=line: redactor.may_hold(line), 2_000) for _ in range(ROUNDS))
        ours, theirs, ratio = compared(
            lambda event=event: redactor.fields(event), lambda event=event: naive(event), 200
        )
        hit = "" if redactor.may_hold(line) else "  (clean by the gate alone)"
        print(f"{name:<16}{gate:>9.2f}{ours:>11.1f}{theirs:>10.1f}{ratio:>8.2f}{hit}")
    fresh = fresh_events()
    lines = [json.dumps(event, separators=(",", ":")).encode() for event in fresh]
    turn = itertools.cycle(lines)
    gate = statistics.median(cpu_us(lambda: redactor.may_hold(next(turn)), 2_000) for _ in range(ROUNDS))
    ours, theirs, ratio = compared(for_each(fresh, redactor.fields), for_each(fresh, naive), 200)
    print(f"{'nested, new ids':<16}{gate:>9.2f}{ours:>11.1f}{theirs:>10.1f}{ratio:>8.2f}")


def both(redactor: Redactor, text: str, times: int) -> tuple[float, float]:
    """Return the least of so many times that both take for `text`, in milliseconds, measured in turn."""
    pairs = [(cpu_us(lambda: redactor.text(text), 1), cpu_us(lambda: naive_text(text), 1)) for _ in range(times)]
    return min(one for one, _ in pairs) / 1_000, min(other for _, other in pairs) / 1_000


def hostile() -> None:
    """Print the worst of the hostile texts, of each engine that is there."""
    for name, texts in (("texts", hostile_texts()), ("mixtures", hostile_mixtures())):
        print(f"{len(texts)} hostile {name} of {HOSTILE_LENGTH:,} characters")
        for engine in Engine:
            if engine is Engine.HYPERSCAN and find_spec("hyperscan") is None:
                print("hyperscan: not installed; pip install 'logshift[hyperscan]'")
            else:
                print_worst(engine, texts)


def print_worst(engine: Engine, texts: list[str]) -> None:
    """Print what the worst of `texts` costs, and how it compares with the rival's worst."""
    redactor = Redactor(Policy(engine=engine))
    rows = [(*both(redactor, text, 3), text) for text in texts]
    leading = {*sorted(rows)[-AGAIN:], *sorted(rows, key=lambda row: row[1])[-AGAIN:]}
    again = [(*both(redactor, text, ROUNDS), text) for _, _, text in leading]  # noise makes one of many the worst
    worst, rival = max(again), max(again, key=lambda row: row[1])
    median = statistics.median(one / other for one, other, _ in rows)
    print(f"{engine.value}: {worst[0]:.2f} ms of {worst[2][:16]!r}; naive: {rival[1]:.2f} ms of {rival[2][:16]!r}")
    print(f"  ratio of the worst: {worst[0] / rival[1]:.3f}, median ratio: {median:.3f}")


@dataclass(frozen=True)
class Score:
    """How a set was found; spans inside labelled addresses are left out."""

    gold: Counter[str]
    found: Counter[str]
    predicted: Counter[str]
    right: Counter[str]

    @property
    def recall(self) -> float:
        """Share of the labelled spans that were found."""
        return self.found.total() / max(1, self.gold.total())

    @property
    def precision(self) -> float:
        """Share of the findings that were labelled."""
        return self.right.total() / max(1, self.predicted.total())


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    common = min(one[1], other[1]) - max(one[0], other[0])
    return max(0, common) / (max(one[1], other[1]) - min(one[0], other[0]))


def accuracy(file: Path) -> Score:
    """Return how well the labelled sentences of `file` are found: same type, at least half of the union shared."""
    redactor = Redactor(Policy(ip=IpScope.ALL))
    score = Score(Counter(), Counter(), Counter(), Counter())
    for sentence in json.loads(file.read_text()):
        spans = [(span["entity_type"], span["start_position"], span["end_position"]) for span in sentence["spans"]]
        gold = [span for span in spans if span[0] in TYPES]
        places = [span for span in spans if span[0] in {"STREET_ADDRESS", "ADDRESS", "LOCATION"}]
        findings = [one for one in redactor.find(sentence["full_text"]) if one.entity in TYPES]
        for kind, start, end in gold:
            score.gold[kind] += 1
            score.found[kind] += any(
                one.entity == kind and _overlap((start, end), (one.start, one.end)) >= 0.5 for one in findings
            )
        for one in findings:
            if any(start <= one.start and one.end <= end for _, start, end in places):
                continue
            score.predicted[one.entity] += 1
            score.right[one.entity] += any(
                one.entity == kind and _overlap((start, end), (one.start, one.end)) >= 0.5 for kind, start, end in gold
            )
    return score


def print_accuracy(folder: Path) -> None:
    """Print recall and precision on every labelled set of `folder`."""
    files = sorted((folder / "pii").glob("*.json"))
    if not files:
        print(f"accuracy: no labelled sentences in {folder}/pii; give --data FOLDER")
    for file in files:
        score = accuracy(file)
        print(f"{file.name}, IP addresses of every range: recall {score.recall:.3f}, precision {score.precision:.3f}")
        print(f"{'type':<16}{'labelled':>9}{'found':>7}{'findings':>10}{'right':>7}")
        for kind in TYPES:
            print(
                f"{kind:<16}{score.gold[kind]:>9}{score.found[kind]:>7}{score.predicted[kind]:>10}{score.right[kind]:>7}"
            )


def main(arguments: list[str]) -> None:
    """Run the tables that are asked for, or all."""
    default = Path(os.environ.get("LOGSHIFT_DATA") or ROOT.parent / "shared" / "data")
    parser = argparse.ArgumentParser(description="Cost, hostile texts, accuracy of redaction.")
    parser.add_argument("tables", nargs="*", choices=[[], "cost", "logger", "hostile", "accuracy"])
    parser.add_argument("--data", type=Path, default=default)
    options = parser.parse_args(arguments)
    tables = {"cost": cost, "logger": logger, "hostile": hostile, "accuracy": lambda: print_accuracy(options.data)}
    for name in options.tables or tables:
        tables[name]()
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
