"""A configuration is right from the beginning, or says what is wrong, where, and what was probably meant."""

from __future__ import annotations

import dataclasses
import pickle
import re
from pathlib import Path

import pytest

from universal_framework.observability import _settings
from universal_framework.observability._sampling import Sampler
from universal_framework.observability._settings import AuditConfig, ConfigurationError, LoggingConfig, SamplingConfig

SECRET = "hunter2-hunter2-hunter2"

#: For each setting, a value that is not the default, as TOML has it and as an environment variable has it.
OTHERS = {
    "level": ('"debug"', "debug", "debug"),
    "levels": (
        '{ "urllib3" = "WARNING", "app.db" = 10 }',
        "urllib3=WARNING,app.db=10",
        {"urllib3": "WARNING", "app.db": 10},
    ),
    "format": ('"ecs"', "ecs", "ecs"),
    "destination": ('"fd:2"', "fd:2", "fd:2"),
    "durability": ('"direct"', "direct", "direct"),
    "queue_lines": ("7", "7", 7),
    "queue_bytes": ("1000", "1000", 1000),
    "when_full": ('"block"', "block", "block"),
    "block_seconds": ("0.5", "0.5", 0.5),
    "rotate_bytes": ("1000", "1000", 1000),
    "rotate_daily": ("true", "yes", True),
    "rotate_keep": ("3", "3", 3),
    "caller": ("true", "1", True),
    "service": ('"shop"', "shop", "shop"),
    "audit.directory": ('"/tmp/audit"', "/tmp/audit", "/tmp/audit"),
    "audit.durability": ('"commit"', "commit", "commit"),
    "audit.level": ('"ERROR"', "ERROR", "ERROR"),
    "audit.retention_days": ("30", "30", 30),
    "sampling.levels": ("{ DEBUG = 10 }", "DEBUG=10", {"DEBUG": 10}),
    "sampling.events": ('{ "cache hit" = 100 }', "cache hit=100", {"cache hit": 100}),
    "budget_ms": ("2.5", "2.5", 2.5),
    "capture_warnings": ("true", "on", True),
    "session_key": (f'"{SECRET}"', SECRET, SECRET),
}


def _all_settings() -> set[str]:
    found = set()
    for one in dataclasses.fields(LoggingConfig):
        part = _settings._PARTS.get(one.name)
        found |= {f"{one.name}.{inner.name}" for inner in dataclasses.fields(part)} if part else {one.name}
    return found


def _read(config: LoggingConfig, setting: str) -> object:
    value = config
    for name in setting.split("."):
        value = getattr(value, name)
    return dict(value) if hasattr(value, "items") else value


def test_every_setting_is_tried_below() -> None:
    assert _all_settings() - {"redaction"} == set(OTHERS)


@pytest.mark.parametrize("setting", OTHERS)
def test_a_setting_of_a_toml_file_is_read(tmp_path, setting) -> None:
    text, _, value = OTHERS[setting]
    part, _, name = setting.rpartition(".")
    table = f"[logging.{part}]" if part else "[logging]"
    (tmp_path / "app.toml").write_text(f"[other]\nx = 1\n{table}\n{name} = {text}\n")
    config = LoggingConfig.from_toml(tmp_path / "app.toml")
    assert _read(config, setting) == value
    assert _read(LoggingConfig(), setting) != value


@pytest.mark.parametrize("setting", OTHERS)
def test_a_setting_of_the_environment_is_read_over_another(setting) -> None:
    _, text, value = OTHERS[setting]
    variable = "UF_LOG_" + setting.replace(".", "_").upper()
    base = LoggingConfig(level="ERROR", audit=AuditConfig(directory="/base", retention_days=5))
    config = LoggingConfig.from_env({variable: text, "HOME": "/root"}, base)
    assert _read(config, setting) == value
    for other in _all_settings() - {setting}:
        assert _read(config, other) == _read(base, other)


def test_the_environment_is_the_process_own_by_default(monkeypatch) -> None:
    monkeypatch.setenv("UF_LOG_LEVEL", "error")
    monkeypatch.setenv("UF_LOG_FORMAT", "")
    assert LoggingConfig.from_env() == LoggingConfig(level="error")


WRONG = [
    ({"levl": "INFO"}, "levl: no such setting; did you mean level?"),
    ({"rotate-keep": 3}, "rotate-keep: no such setting; did you mean rotate_keep?"),
    ({"xyzzy": 1}, "xyzzy: no such setting; there are level, levels, format, "),
    ({"level": "INFOO"}, "level: must be one of CRITICAL, .* or a number; did you mean INFO[?], not 'INFOO'"),
    ({"level": True}, "level: must be one of"),
    ({"level": -1}, "level: must be one of"),
    ({"levels": {"app": "LOUD"}}, "levels: must be one of .*, for 'app', not"),
    ({"levels": {"root": "INFO"}}, "levels: .*'root': that is the setting level"),
    ({"levels": "app=INFO"}, "levels: must be a table from the names of modules to a value, not 'app=INFO'"),
    ({"format": "jsn"}, "format: must be one of auto, json, console, ecs, otel; did you mean json[?], not 'jsn'"),
    ({"destination": ""}, "destination: must be stdout, stderr, fd:<number>, or a path, not ''"),
    ({"destination": "fd:x"}, "destination: must be fd:<number>, e.g. fd:3, not 'fd:x'"),
    ({"destination": "a\0b"}, "destination: must be stdout"),
    ({"durability": "commit"}, "durability: must be one of queued, direct"),
    ({"queue_lines": 0}, "queue_lines: must be a whole number, 1 or more, not 0"),
    ({"queue_lines": 1.5}, "queue_lines: must be a whole number"),
    ({"queue_bytes": True}, "queue_bytes: must be a whole number"),
    ({"when_full": "raise"}, "when_full: must be one of drop, block"),
    ({"block_seconds": 0}, "block_seconds: must be a number above 0"),
    ({"block_seconds": float("nan")}, "block_seconds: must be a number above 0"),
    ({"rotate_keep": -1}, "rotate_keep: must be a whole number, 0 or more"),
    ({"caller": 1}, "caller: must be true or false, not 1"),
    ({"service": " "}, "service: must be a text that is not empty"),
    ({"budget_ms": "5"}, "budget_ms: must be a number above 0, not '5'"),
    ({"redaction": "off"}, "redaction: must be a redaction.Policy"),
    ({"audit": {"directry": "x"}}, "audit.directry: no such setting; did you mean directory[?]"),
    ({"audit": {"retention_days": 0}}, "audit.retention_days: must be a whole number, 1 or more, not 0"),
    ({"audit": "x"}, "audit: must be a table of directory, durability, level, retention_days"),
    ({"sampling": {"levels": {"DEBG": 3}}}, "sampling.levels: must be one of .*DEBUG.*, not {'DEBG': 3}"),
    ({"sampling": {"events": {"tick": 0}}}, "sampling.events: must be a whole number, 1 or more, for 'tick'"),
]


@pytest.mark.parametrize(("values", "message"), WRONG, ids=lambda part: str(part)[:40])
def test_what_is_wrong_is_named_with_what_it_may_be(values, message) -> None:
    with pytest.raises(
        ConfigurationError, match="^" + message.replace("level?", "level[?]").replace("keep?", "keep[?]")
    ):
        LoggingConfig.from_mapping(values)


def test_all_that_is_wrong_is_said_at_once_with_file_and_key(tmp_path) -> None:
    path = tmp_path / "app.toml"
    path.write_text('[logging]\nlevel = "LOUD"\ncallr = true\nqueue_lines = 0\n')
    with pytest.raises(ConfigurationError) as caught:
        LoggingConfig.from_toml(path)
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [str(path), "logging.callr"],
        [str(path), "logging.level"],
        [str(path), "logging.queue_lines"],
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[loging]\nlevel = 10\n", r"app.toml: there is no table \[logging\]; did you mean loging\?"),
        ("logging = 3\n", r"app.toml: there is no table \[logging\]"),
        ("[logging\n", "app.toml: is not TOML: .*line 1"),
        ("\udcff", "app.toml: is not TOML"),
    ],
)
def test_a_file_without_a_configuration_is_an_error(tmp_path, text, message) -> None:
    (tmp_path / "app.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationError, match=message):
        LoggingConfig.from_toml(tmp_path / "app.toml")


def test_a_file_that_is_not_there_is_an_error_of_configuration(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=r"no.toml: cannot be read: No such file"):
        LoggingConfig.from_toml(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"UF_LOG_LEVL": "INFO"}, r"UF_LOG_LEVL: no such setting; did you mean UF_LOG_LEVEL\?"),
        ({"UF_LOG_REDACTION": "of"}, "UF_LOG_REDACTION: must be on or off, not 'of'"),
        ({"UF_LOG_QUEUE_LINES": "many"}, "UF_LOG_QUEUE_LINES: must be a number, not 'many'"),
        ({"UF_LOG_CALLER": "maybe"}, "UF_LOG_CALLER: must be one of 0, 1, .*, not 'maybe'"),
        ({"UF_LOG_LEVELS": "app"}, "UF_LOG_LEVELS: must be name=value, .* in 'app'"),
        ({"UF_LOG_FORMAT": "xml"}, "UF_LOG_FORMAT: must be one of auto, json"),
        ({"UF_LOG_SAMPLING_LEVELS": "DEBUG=x"}, "UF_LOG_SAMPLING_LEVELS: must be a whole number"),
    ],
)
def test_a_wrong_variable_is_named(variables, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        LoggingConfig.from_env(variables)


def test_no_message_and_no_repr_shows_a_key(tmp_path) -> None:
    assert SECRET not in repr(LoggingConfig(session_key=SECRET))
    for wrong in (SECRET[:10], 7, [SECRET]):
        with pytest.raises(ConfigurationError) as caught:
            LoggingConfig(session_key=wrong)
        assert SECRET[:10] not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        LoggingConfig.from_env({"UF_LOG_SESSION_KEY": SECRET[:10]})
    assert SECRET[:10] not in str(caught.value)


def test_a_configuration_cannot_be_changed_and_can_be_sent() -> None:
    levels = {"app": "INFO"}
    config = LoggingConfig(levels=levels, audit={"directory": "/x"}, sampling={"events": {"tick": 3}})
    levels["app"] = "DEBUG"
    assert config.levels["app"] == "INFO"
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.level = "DEBUG"
    with pytest.raises(TypeError):
        config.levels["app"] = "DEBUG"
    assert pickle.loads(pickle.dumps(config)) == config
    assert config.sampling == SamplingConfig(events={"tick": 3})


def test_sampling_keeps_the_first_and_every_nth_after_it() -> None:
    keeps = Sampler({10: 3, 20: 1}, {"tick": 2})
    assert [keeps(10, "x") for _ in range(7)] == [True, False, False, True, False, False, True]
    assert [keeps(10, "tick") for _ in range(4)] == [True, False, True, False]  # its own count
    assert all(keeps(level, "x") for level in (20, 30) for _ in range(5))


def test_the_page_has_every_setting_with_its_default() -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "logging.md").read_text(encoding="utf-8")
    page = page.partition("## Settings")[2].partition("## What is promised")[0]
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", page, re.MULTILINE))
    assert rows == {name: shown for name, shown, _ in _settings.table()}
    for _, _, about in _settings.table():
        assert about in page
