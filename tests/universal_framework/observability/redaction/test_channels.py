"""Canonical secrets through every way into the logger, watched at every way out of it."""

import io
import json
import linecache
import logging
import sys

import pytest

from universal_framework.observability._layouts import Console
from universal_framework.observability._lines import LineHandler
from universal_framework.observability.configuration import configure_logging
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

house = UniversalFrameworkLogger("canaries", name="canaries.house")
legacy = logging.getLogger("canaries.legacy")
#: So many secrets are sent before what came out is read.
BATCH = 100


def _exception(text):
    try:
        raise ValueError(text)
    except ValueError:
        house.exception("failed")


def _cause(text):
    try:
        try:
            raise KeyError(text)
        except KeyError as error:
            error.add_note(f"note: {text}")
            raise RuntimeError("outer") from error
    except RuntimeError:
        house.exception("failed")


def _traceback(text):
    """The line of source that a frame quotes holds the secret."""
    source = f"raise LookupError()  # {' '.join(text.splitlines())}\n"
    linecache.cache["canary.py"] = len(source), None, [source], "canary.py"
    try:
        exec(compile(source, "canary.py", "exec"), {})
    except LookupError:
        house.exception("failed")


def _legacy_exception(text):
    try:
        raise ValueError(text)
    except ValueError:
        legacy.exception("failed with %s", text)


#: Ways in; each is given the text that holds a secret.
WAYS = {
    "message": house.info,
    "%-argument": lambda text: house.info("got %s, then %d", text, 7),
    "%-mapping": lambda text: house.info("got %(what)s", {"what": text}),
    "field": lambda text: house.info("got", detail=text),
    "nested": lambda text: house.info("got", detail={"a": [{"b": (text,)}], "c": {text}, "d": text.encode()}),
    "bound": lambda text: house.bind(detail=text).info("got"),
    "exception": _exception,
    "cause": _cause,
    "traceback": _traceback,
    "audit": lambda text: house.audit("pay", detail=text, parts=[text]),
    "compliance": lambda text: house.log_compliance_event("export", detail={"a": text}),
    "legacy message": lambda text: legacy.warning("got %s", text, extra={"detail": [text]}),
    "legacy exception": _legacy_exception,
}


class Sink:
    """Keeps what a layout made."""

    def __init__(self):
        self.lines = []
        self.write = self.lines.append

    def flush(self, timeout=None):  # noqa: ARG002 - a sink's
        return True

    def close(self):
        pass


class Broken:
    """A layout that fails."""

    def render(self, event):  # noqa: ARG002 - a layout's
        raise RuntimeError("no layout")


class BrokenFormatter(logging.Formatter):
    def format(self, record):  # noqa: ARG002 - stdlib's
        raise RuntimeError("no format")


class Foreign(logging.Handler):
    """Keeps all that a handler of somebody else's can see: the formatted record and its attributes."""

    def __init__(self, kept):
        super().__init__()
        self.kept = kept
        self.formatter = logging.Formatter("%(levelname)s %(message)s")

    def emit(self, record):
        if record.name == legacy.name:  # stdlib's own record is nobody's but the caller's
            return
        self.kept.append(self.formatter.format(record))
        shown = {name: value for name, value in vars(record).items() if name != "exc_info"}
        self.kept.append(repr(shown))
        self.kept.append(repr(record.exc_info and record.exc_info[1]))


class Watched:
    """A configuration with all the ways out: JSON file, console, foreign handler, one that crashes, trail."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.stderr, self.monkeypatch = io.StringIO(), monkeypatch
        self.console, self.foreign = Sink(), []
        crashing = logging.StreamHandler(self.stderr)
        crashing.setFormatter(BrokenFormatter())
        crashing.addFilter(lambda record: record.name != legacy.name)
        self.handlers = [LineHandler(Console(colours=False), self.console), Foreign(self.foreign), crashing]

    def __enter__(self):
        self.monkeypatch.setattr(sys, "stderr", self.stderr)
        self.configuration = configure_logging(
            destination=self.folder / "app.log",
            format="json",
            durability="direct",
            level="DEBUG",
            audit={"directory": self.folder / "audit", "level": "ERROR"},
        )
        self.configuration.__enter__()
        for handler in self.handlers:
            logging.getLogger().addHandler(handler)
        return self

    def __exit__(self, *exc):
        for handler in self.handlers:
            logging.getLogger().removeHandler(handler)
        self.configuration.__exit__(*exc)

    def taken(self):
        """Return all that came out so far, by way out, and forget it."""
        out = {
            "file": (self.folder / "app.log").read_text(),
            "console": b"".join(self.console.lines).decode(),
            "foreign": "\n".join(self.foreign),
            "stderr": self.stderr.getvalue(),
        }
        (self.folder / "app.log").write_text("")
        self.console.lines.clear()
        self.foreign.clear()
        self.stderr.seek(0)
        self.stderr.truncate()
        return out

    def trail(self):
        return "".join(path.read_text() for path in self.folder.joinpath("audit").rglob("*.jsonl"))


def spellings(secret):
    """Return how a secret may stand in a line of output; of one of many lines, its second."""
    if "\n" in secret:
        secret = secret.splitlines()[1]
    return {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]}


def leaks(secrets, out):
    return [
        (way, kind, text)
        for kind, secret, text in secrets
        for way, shown in out.items()
        for one in spellings(secret)
        if one in shown
    ]


@pytest.fixture
def watched(tmp_path, monkeypatch):
    return Watched(tmp_path, monkeypatch)


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_shows_up_where_nothing_is_redacted(watched, way, monkeypatch):
    from universal_framework.observability import _pipeline

    class Nothing:
        knows_id = sensitive_key = staticmethod(lambda _: False)
        may_hold = clean_names = staticmethod(lambda _: True)
        text = value = fields = exception_text = staticmethod(lambda value: value)

    with watched:
        monkeypatch.setattr(_pipeline.current(), "_redactor", Nothing())
        WAYS[way]("to jane.doe@example.com")
        assert any("jane.doe@example.com" in shown for shown in watched.taken().values())


def test_every_way_out_is_watched(watched):
    with watched:
        house.error("seen", detail="x")
        out = watched.taken()
    assert all("seen" in out[way] for way in ("file", "console", "foreign"))
    assert "no format" in out["stderr"]
    assert "seen" in watched.trail()


@pytest.mark.campaign
def test_no_secret_gets_through_any_channel(watched, rng, canary, sized):
    sent = sized(200, 100_000)
    kept = []
    with watched:
        for _ in range(sent // BATCH):
            secrets = [canary(rng) for _ in range(BATCH)]
            for _, _, text in secrets:
                for way in WAYS.values():
                    way(text)
            assert leaks(secrets, watched.taken()) == []
            kept += secrets[: BATCH * 1_000 // sent + 1]
    trail = watched.trail()
    assert trail.count("compliance_event") >= sent
    assert leaks(kept, {"trail": trail}) == []


@pytest.mark.campaign
def test_no_secret_gets_through_a_layout_that_fails(watched, rng, canary, sized):
    watched.handlers.insert(0, LineHandler(Broken(), Sink()))
    with watched:
        for _ in range(sized(100, 5_000) // BATCH):
            secrets = [canary(rng) for _ in range(BATCH)]
            for _, _, text in secrets:
                for way in WAYS.values():
                    way(text)
            assert leaks(secrets, watched.taken()) == []
