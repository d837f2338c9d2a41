"""A configuration holds as a whole and at once, for all loggers, and can be taken back."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import threading
import warnings
from typing import Any

import pytest

from universal_framework.observability import _pipeline, configuration
from universal_framework.observability._lines import LineHandler
from universal_framework.observability.configuration import ConfigurationError, LoggingConfig, configure_logging
from universal_framework.observability.redaction import Policy
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

house = UniversalFrameworkLogger("billing", name="app.orders")
MAIL = "jane.roe@mail.example.com"
plain = logging.getLogger("app.plain")


@pytest.fixture(autouse=True)
def _closed():
    yield
    configuration._STACK.clear()


@pytest.fixture
def configure(tmp_path):
    """Configure logging to a file; return the handle, and a function that reads what came."""

    def run(name: str = "app.log", **settings: Any) -> Any:
        return configure_logging(**{"destination": tmp_path / name, "format": "json", **settings})

    return run


@pytest.fixture
def events(tmp_path):
    def read(name: str = "app.log") -> list[dict[str, Any]]:
        configuration._STACK._live.sink.flush(10)
        path = tmp_path / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return read


def _names(found: list[dict[str, Any]]) -> list[str]:
    return [one["event"] for one in found]


def _ours() -> list[logging.Handler]:
    return [one for one in logging.getLogger().handlers if isinstance(one, LineHandler)]


def test_events_of_the_house_logger_and_of_others_come_out(configure, events) -> None:
    configure()
    house.info("paid", user=7)
    plain.warning("slow: %d ms", 12, extra={"path": "/x"})
    first, second = events()
    assert (first["event"], first["component"], first["logger"], first["user"]) == ("paid", "billing", "app.orders", 7)
    assert (second["event"], second["logger"], second["path"]) == ("slow: 12 ms", "app.plain", "/x")


def test_levels_hold_for_loggers_that_exist_and_can_change_while_they_do(configure, events) -> None:
    configure(level="WARNING", levels={"app.orders": "DEBUG"})
    house.debug("1")
    plain.info("not")
    configure(level="INFO", levels={"app.plain": "ERROR"})
    house.debug("not")
    house.info("2")
    plain.warning("not")
    plain.error("3")
    assert _names(events()) == ["1", "2", "3"]
    assert (plain.level, logging.getLogger("app.orders").level) == (logging.ERROR, logging.NOTSET)


def test_a_new_configuration_replaces_the_old_one(configure, events, tmp_path) -> None:
    configure("old.log")
    house.info("1")
    configure("new.log")
    house.info("2")
    assert _names(events("old.log")) == ["1"]
    assert _names(events("new.log")) == ["2"]
    assert len(_ours()) == 1


def test_handlers_of_others_stay(configure) -> None:
    stream = io.StringIO()
    theirs = logging.StreamHandler(stream)
    logging.getLogger().addHandler(theirs)
    before = logging.getLogger().handlers[:]
    with configure():
        assert [one for one in logging.getLogger().handlers if one not in _ours()] == before
        house.warning("both")
    assert logging.getLogger().handlers == before
    assert "both" in stream.getvalue()


def test_a_new_handler_stands_where_the_old_one_stood(configure) -> None:
    configure()
    theirs = logging.NullHandler()
    logging.getLogger().addHandler(theirs)
    before = logging.getLogger().handlers[:]
    (old,) = _ours()
    configure()
    (new,) = _ours()
    assert logging.getLogger().handlers == [new if one is old else one for one in before]
    logging.getLogger().removeHandler(theirs)


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": "LOUD"},
        {"unknown": 1},
        {"destination": "/nowhere/at/all.log"},
        {"destination": "fd:987"},
        {"audit": {"directory": "/dev/null/x"}},
        {"audit": {"level": "ERROR"}},
    ],
    ids=str,
)
def test_what_cannot_be_opened_leaves_the_old_configuration_alive(configure, events, wrong) -> None:
    handle = configure(level="DEBUG")
    pipeline, handlers, fds = _pipeline.current(), logging.getLogger().handlers[:], os.listdir("/proc/self/fd")
    with pytest.raises(ConfigurationError):
        configure_logging(**{"level": "ERROR", **wrong})
    house.debug("still here")
    assert _names(events()) == ["still here"]
    assert (_pipeline.current(), logging.getLogger().handlers) == (pipeline, handlers)
    assert len(os.listdir("/proc/self/fd")) == len(fds)
    assert handle.stats().written == 1


def test_a_folder_that_is_missing_is_named_with_what_to_do() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^destination: /nowhere/x.log cannot be opened: .*make its folder first"
    ):
        configure_logging(destination="/nowhere/x.log")


def test_closing_brings_back_what_was(configure) -> None:
    root, module = logging.getLogger(), logging.getLogger("app.some")
    root.setLevel(logging.ERROR)
    module.setLevel(logging.CRITICAL)
    pipeline, before = _pipeline.current(), root.handlers[:]
    handle = configure(level="DEBUG", levels={"app.some": "INFO"}, capture_warnings=True)
    assert (root.level, module.level) == (logging.DEBUG, logging.INFO)
    shown = warnings.showwarning
    handle.close()
    handle.close()
    assert (root.level, module.level, root.handlers) == (logging.ERROR, logging.CRITICAL, before)
    assert _pipeline.current() is pipeline
    assert warnings.showwarning is not shown


def test_a_level_that_somebody_set_since_is_left(configure) -> None:
    module = logging.getLogger("app.some")
    with configure(levels={"app.some": "INFO"}):
        module.setLevel(logging.ERROR)
    assert module.level == logging.ERROR


def test_a_block_brings_back_the_configuration_around_it(configure, events) -> None:
    outer = configure("outer.log", level="INFO")
    house.info("1")
    with configure("inner.log", level="DEBUG") as inner:
        house.debug("2")
        assert outer.handler is None
        assert inner.stats().written + inner.stats().queued == 1
    house.debug("not")
    house.info("3")
    assert _names(events("outer.log")) == ["1", "3"]
    assert _names(events("inner.log")) == ["2"]
    assert outer.stats() is not None


def test_a_block_brings_back_a_configuration_whose_handle_was_dropped(configure, events) -> None:
    configure("outer.log")
    for _ in range(3):
        with configure("inner.log"):
            house.info("inner")
        house.info("outer")
    assert _names(events("outer.log")) == ["outer"] * 3


def test_a_configuration_closed_out_of_turn_is_not_brought_back(configure, events) -> None:
    first, second, third = configure("1.log"), configure("2.log"), configure("3.log")
    second.close()
    house.info("still the third")
    assert _names(events("3.log")) == ["still the third"]
    third.close()
    house.info("the first again")
    assert _names(events("1.log")) == ["the first again"]
    first.close()
    assert _ours() == []


def test_configuring_for_ever_keeps_nothing(configure) -> None:
    for number in range(50):
        configure(level=number)
    assert len(configuration._STACK._entries) <= 2
    assert len(_ours()) == 1


def test_a_configuration_that_cannot_be_brought_back_is_said_and_the_one_before_it_holds(
    configure, events, tmp_path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    first = configure("first.log")
    second = configure("gone/second.log")
    third = configure("third.log")
    (folder / "second.log").unlink()
    folder.rmdir()
    third.close()
    house.info("the first again")
    assert _names(events("first.log")) == ["the first again"]
    assert any("configuration_not_restored" in line for line in (tmp_path / "third.log").read_text().splitlines())
    second.close()
    first.close()


def test_no_event_is_lost_or_doubled_while_configurations_change(configure, tmp_path) -> None:
    stop = threading.Event()
    counts = [0, 0]

    def report(name: int) -> None:
        while not stop.is_set():
            house.info("%d %d", name, counts[name])
            counts[name] += 1

    configure("0.log")
    threads = [threading.Thread(target=report, args=(name,)) for name in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 15):
        configure(f"{number}.log", durability="direct" if number % 3 == 0 else "queued")
    stop.set()
    for thread in threads:
        thread.join()
    configure("last.log")
    found = [json.loads(line)["event"] for path in tmp_path.glob("*.log") for line in path.read_text().splitlines()]
    assert sorted(found) == sorted(f"{name} {number}" for name in range(2) for number in range(counts[name]))


def test_configurations_from_many_threads_leave_one(configure) -> None:
    def change(number: int) -> None:
        for _ in range(5):
            configure(f"{number}.log", level=number + 1)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (handler,) = _ours()
    live = configuration._STACK._live
    assert live.handler is handler
    assert logging.getLogger().level == configuration._STACK._entries[-1].config.level


def test_settings_go_over_a_configuration() -> None:
    base = LoggingConfig(level="ERROR", format="ecs")
    with configure_logging(base, level="DEBUG", destination="stderr") as handle:
        assert (handle.config.level, handle.config.format) == ("DEBUG", "ecs")
    with pytest.raises(ConfigurationError, match="levl: no such setting; did you mean level"):
        configure_logging(base, levl="DEBUG")


@pytest.mark.parametrize(
    ("form", "key"), [("json", "timestamp"), ("ecs", "@timestamp"), ("otel", "Timestamp"), ("auto", "timestamp")]
)
def test_each_format_has_its_own_time(configure, events, form, key) -> None:
    configure(format=form)
    house.info("x")
    (one,) = events()
    assert key in one


def test_auto_is_the_console_on_a_terminal(monkeypatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    with configure_logging():
        house.info("hello", user=7)
    assert "\x1b[" in sys.stdout.getvalue()
    assert "hello" in sys.stdout.getvalue()
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    with configure_logging():
        house.info("hello", user=7)
    assert " billing hello user=7\n" in sys.stdout.getvalue()


def test_standard_output_is_whatever_stands_there_now(capsys) -> None:
    with configure_logging(destination="stdout", format="json", durability="direct"):
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            house.info("aside")
        house.info("out")
    assert json.loads(stream.getvalue())["event"] == "aside"
    assert json.loads(capsys.readouterr().out)["event"] == "out"


def test_a_descriptor_is_a_destination(pipe) -> None:
    pipe.read()
    with configure_logging(destination=pipe.writing, format="json"):
        house.info("x")
    with configure_logging(destination=f"fd:{pipe.writing}", format="json"):
        house.info("y")
    assert [json.loads(line)["event"] for line in pipe.lines()] == ["x", "y"]


def test_warnings_are_reported_on_request(configure, events) -> None:
    with configure(capture_warnings=True), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        (one,) = events()
    assert one["logger"] == "py.warnings"
    assert "DeprecationWarning: old" in one["event"]


def test_sampling_never_leaves_out_what_goes_to_the_audit_trail(configure, events, tmp_path) -> None:
    configure(
        level="DEBUG",
        sampling={"levels": {"DEBUG": 5}, "events": {"tick": 3}},
        audit={"directory": tmp_path / "audit", "level": "ERROR"},
    )
    for _ in range(10):
        house.debug("d")
        house.info("tick")
        house.error("tick")
    levels = [(one["event"], one["level"]) for one in events()]
    assert levels.count(("d", "debug")) == 2
    assert levels.count(("tick", "info")) <= 4
    assert levels.count(("tick", "error")) == 10


def test_the_trail_is_kept_open_over_a_change_that_does_not_concern_it(configure, tmp_path) -> None:
    settings = {"audit": {"directory": tmp_path / "audit", "level": "ERROR"}}
    configure(**settings)
    trail = _pipeline.current().audit
    configure(level="DEBUG", **settings)
    assert _pipeline.current().audit is trail
    house.error("x")
    handle = configure()
    assert _pipeline.current().audit is None
    handle.close()


class _Raising(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - fails before it looks
        raise RuntimeError("a handler of somebody else's")


class _OwnLogger(logging.Logger):
    def error(self, msg, *args, **kwargs):  # an application's own way to report
        super().error(msg, *args, **kwargs)


@pytest.mark.parametrize("kind", [logging.Logger, _OwnLogger])
def test_what_a_handler_does_keeps_nothing_from_the_trail(configure, tmp_path, kind) -> None:
    before = logging.getLoggerClass()
    logging.setLoggerClass(kind)
    try:
        node = logging.getLogger(f"app.raising.{kind.__name__}")
    finally:
        logging.setLoggerClass(before)
    node.addHandler(raising := _Raising())
    logger = UniversalFrameworkLogger("raising", name=node.name)
    try:
        with configure(audit={"directory": tmp_path / "audit", "level": "ERROR", "durability": "commit"}):
            logger.error("seen by auditors", card="4111 1111 1111 1111")
            logger.audit("asked by hand")
    finally:
        node.removeHandler(raising)
    written = b"".join(path.read_bytes() for path in (tmp_path / "audit").rglob("*.jsonl"))
    assert (written.count(b"seen by auditors"), written.count(b"asked by hand")) == (1, 1)
    assert b"4111" not in written


def test_audited_events_are_in_the_trail(configure, tmp_path) -> None:
    with configure(audit={"directory": tmp_path / "audit", "level": "ERROR", "durability": "commit"}):
        house.error("seen by auditors")
        house.info("not by them")
    written = b"".join(path.read_bytes() for path in (tmp_path / "audit").rglob("*.jsonl"))
    assert b"seen by auditors" in written
    assert b"not by them" not in written


def test_session_ids_are_hashed_with_the_key_that_was_given(configure, events) -> None:
    found = []
    for key in ("k" * 32, "k" * 32, "l" * 32):
        with configure(session_key=key):
            house.info("x", session_id="s-123")
            found.append(events()[-1]["session_id"])
    assert found[0] == found[1] != found[2]
    assert "s-123" not in "".join(found)


def test_a_queue_that_was_full_is_told_in_the_log_itself(pipe) -> None:
    handle = configure_logging(destination=pipe.writing, format="json", queue_lines=10)
    for number in range(3000):
        house.info("%d", number, pad="x" * 100)
    pipe.read()
    assert handle.flush(10)
    house.info("last")
    stats = handle.stats()
    handle.close()
    found = [json.loads(line) for line in pipe.lines()]
    notices = [one for one in found if one["event"] == "log_lines_lost"]
    assert sum(one["lost"] for one in notices) == stats.lost > 0
    assert notices[0]["level"] == "error"
    assert "queue was full" in notices[0]["reason"]


def test_a_program_configures_itself_from_its_environment(program) -> None:
    source = """
import logging
from universal_framework.observability.configuration import LoggingConfig, configure_logging
configure_logging(LoggingConfig.from_env())
logging.getLogger("app").debug("hello")
"""
    ended = program(source, environment={"UF_LOG_LEVEL": "debug", "UF_LOG_DESTINATION": "app.log"})
    assert [json.loads(line)["event"] for line in ended.lines] == ["hello"]
    ended = program(source, environment={"UF_LOG_LEVEL": "debug"})
    assert json.loads(ended.out)["event"] == "hello"


def test_importing_configuration_loads_neither_structlog_nor_what_only_some_need(program) -> None:
    program(
        """
        import universal_framework.observability.configuration
        for heavy in ("structlog", "pydantic", "cryptography", "tomllib", "orjson", "asyncio"):
            assert heavy not in sys.modules, heavy
        audit = [name for name in sys.modules if name.startswith("universal_framework.observability.audit")]
        assert not audit, audit
        """
    )


def test_what_was_reported_last_is_written_when_the_program_crashes(program) -> None:
    ended = program(
        """
        import logging
        from universal_framework.observability.configuration import configure_logging
        configure_logging(destination="app.log")
        log = logging.getLogger("app")
        for number in range(1000):
            log.info("%d", number)
        raise SystemExit(4)
        """,
        expect=4,
    )
    assert len(ended.lines) == 1000


@pytest.mark.parametrize(("word", "is_off"), [("off", True), ("OFF ", True), ("no", False), ("on", False), ("", False)])
def test_redaction_is_off_only_where_the_environment_says_off_and_the_log_says_so(
    configure, events, monkeypatch, word, is_off
) -> None:
    monkeypatch.setenv("UF_LOG_REDACTION", word)
    configure(level="INFO")
    house.info("written", to=MAIL)
    assert ("redaction_is_off" in _names(events())) == is_off
    assert events()[-1]["to"] == (MAIL if is_off else "[EMAIL_ADDRESS]")


def test_a_policy_in_code_holds_whatever_the_environment_says(configure, events, monkeypatch) -> None:
    monkeypatch.setenv("UF_LOG_REDACTION", "off")
    configure(level="INFO", redaction=Policy())
    house.info("written", to=MAIL)
    assert events()[-1]["to"] == "[EMAIL_ADDRESS]"
