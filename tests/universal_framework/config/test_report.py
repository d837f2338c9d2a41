"""The report: everything at once, each finding at its place, and never a secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import traceback
import tracemalloc

import pytest
from pydantic import SecretStr, ValidationError

from universal_framework.config import policy
from universal_framework.config import production_validator as pv
from universal_framework.config.issues import ConfigurationError, Severity, ValidationReport
from universal_framework.config.models import key_problem, redis_url_problem
from universal_framework.observability.testing import capture_events

from .conftest import CANARY, ENVIRON, PRODUCTION, validate


def test_V1_models_refuse_what_they_do_not_know_and_cannot_be_changed():
    for model in pv.SECTIONS.values():
        assert (model.model_config["extra"], model.model_config["frozen"]) == ("forbid", True)
    with pytest.raises(ValidationError):
        pv.SecurityConfig().pii_detection = False
    assert pv.ProductionConfig(redis=pv.RedisConfig(url=SecretStr("redis://h"))).environment.name == "production"


def test_V2_a_variable_replaces_one_key_and_leaves_the_others(judge):
    config = judge('[redis]\nmax_connections = 7\nurl = "redis://file"\n').config
    assert config.redis.max_connections == 7
    assert config.redis.url.get_secret_value() == ENVIRON["REDIS_URL"]


@pytest.mark.parametrize(
    ("data", "place"),
    [(b"[redis\n", "1:7"), (b"[redis]\nurl = \n", "2:7"), (b"a = 1\na = 2\n", "2:6"), (b"a = [1,\n", "2:1"),
     (b'a = "\xff"\n', "1:6"), (b"\xef\xbb\xbfa = 1\n", "1:1"), ("ü = 1".encode("utf-16"), "1:1"), (b"a = 1\x00", "1:6"),
     (b"a = " + b"9" * 5000, ""), (b"#" * 300_000, "")],
)  # fmt: skip
def test_V3_a_file_that_is_no_toml_is_an_issue_with_its_place(told, data, place):
    (row,) = told(data)
    assert row[0] == place
    assert row[2] == ("config.too_large" if len(data) > 200_000 else "config.syntax")


def test_V3_nesting_of_any_depth_is_an_issue(told):
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # hypothesis raises it
    try:
        for depth in (*range(380, 480), 5000):
            (row,) = told("a = " + "[" * depth + "]" * depth)
            assert row[2] in ("config.syntax", "config.unknown_key")
    finally:
        sys.setrecursionlimit(limit)


def test_V3_a_byte_order_mark_and_an_unreadable_file_are_told_as_such(judge, tmp_path):
    assert "byte order mark" in judge(b"\xef\xbb\xbf[redis]\n").report.issues[0].message
    assert validate(str(tmp_path), ENVIRON).codes() == ("config.unreadable",)
    assert validate("a\0b", ENVIRON).codes() == ("config.unreadable",)


def test_V4_a_mistyped_key_is_told_with_place_and_suggestion(judge):
    text = "[redis]\nmax_conections = 5\n[monitoring]\nerror_rate_treshold = 0.1\n"
    issues = judge(text).report.issues
    assert [(one.source.line, one.source.column, one.hint) for one in issues] == [
        (2, 1, 'did you mean "max_connections"?'), (4, 1, 'did you mean "error_rate_threshold"?'),
    ]  # fmt: skip
    assert judge("[redis]\ntemperature = 1\n").report.issues[0].hint == "it belongs into [llm]"


SECRETS = [
    ('[redis]\nurl = "http://u:{}@h"\n', {}),
    ('[redis]\nurl = "redis://u:{}@h:99999"\n', {}),
    ('[redis]\nurl = "redis://u:{}@h /0"\n', {}),
    ('[redis]\nurl = ["{}"]\n', {}),
    ('[redis]\nurl = {{a = "{}"}}\n', {}),
    ('[llm]\napi_key = "{} x"\n', {}),
    ('[llm]\nmodel = "{} x"\ntimeout = "{}"\nprovider = "{}"\n', {}),
    ('[llm]\nbase_url = "https://u:{}@h"\n', {}),
    ('[nonesuch]\na = "{}"\n', {}),
    ('[environment]\nname = "{}"\nlog_level = "{}"\ndebug = "{}"\n', {}),
    ('environment = "{}"\n', {}),
    ('[redis]\nurl = "{}\n', {}),
    ('[redis]\nurl = "${{A:?}}{}"\n', {}),
    ("", {"REDIS_URL": "redis://:{}@h:x/0", "OPENAI_API_KEY": "{}\nx"}),
    ("", {"UF__REDIS__URL": "redis://:{}@h/0", "UF__LLM__API_KEY": "sk-{}", "UF__NONESUCH": "{}"}),
    ("", {"UF__REDIS__MAX_CONNECTIONS": "{}", "UF__ENVIRONMENT__DEBUG": "{}", "UF__LLM__PROVIDER": "{}"}),
    ('[redis]\nurl = "redis://:{}@h/0"\n[llm]\napi_key = "sk-{}"\n', {}),
]


@pytest.mark.parametrize("number", range(len(SECRETS)))
def test_V5_no_secret_is_in_any_way_out(judge, tmp_path, number):
    text, environ = SECRETS[number]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        with capture_events() as events:
            filled = {name: value.format(CANARY) for name, value in environ.items()}
            examination = judge(text.format(*[CANARY] * 3), filled, complete=number != 13)
            report = validate(str(tmp_path / "app.toml"), {**ENVIRON, **filled})
    finally:
        logging.getLogger().removeHandler(handler)
    shown = [
        repr(examination.report), str(report), json.dumps(report.as_dict()), str(report.issues), repr(examination.config),
        json.dumps([issue.as_dict() for issue in report.issues]), str(list(examination.settings())), stream.getvalue(),
        repr(examination.sections), str(ConfigurationError(report)), str(list(events)),
        "" if examination.config is None else examination.config.model_dump_json() + str(examination.config),
    ]  # fmt: skip
    for text_ in shown:
        assert CANARY not in text_


def test_V5_a_traceback_of_the_models_shows_no_input():
    for make in (
        lambda: pv.RedisConfig(url=f"http://:{CANARY}@h"),
        lambda: pv.LLMProviderConfig(api_key=f"{CANARY} x", model=f"{CANARY} x", provider=CANARY),
    ):
        with pytest.raises(ValidationError) as caught:
            make()
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert CANARY not in repr(caught.value)


def test_V6_issues_are_values_with_code_path_message_hint_source_and_severity(judge):
    (issue,) = judge("[redis]\nmax_conections = 5\n").report.issues
    assert issue.as_dict() == {
        "code": "config.unknown_key", "severity": "error", "path": "redis.max_conections", "message": "unknown key",
        "hint": 'did you mean "max_connections"?',
        "source": {"origin": "file", "file": issue.source.file, "line": 2, "column": 1},
    }  # fmt: skip
    with pytest.raises(AttributeError):
        issue.code = "x"


async def _nothing(section):
    return ()


def test_V7_what_is_valid_is_checked_and_what_is_not_is_said_to_be_skipped():
    asked = []

    async def ask(section):
        asked.append(type(section).__name__)
        return (policy.Finding("x.y", ("llm", "model"), Severity.WARNING, "m", ""),)

    environ = {**ENVIRON, "REDIS_URL": "ftp://x"}
    report = validate(str(PRODUCTION), environ, online=True, checks={"redis": ask, "llm": ask})
    assert asked == ["LLMProviderConfig"]
    assert report.codes() == ("x.y", "redis.url")
    assert report.skipped == ("redis: the section is not valid",)
    assert report.warnings[-1] == "skipped: redis: the section is not valid"


def test_V8_checks_run_side_by_side_and_none_beyond_the_deadline():
    async def both():
        meeting = asyncio.Barrier(2)

        async def meet(section):
            await meeting.wait()
            return ()

        return await pv.ProductionConfigValidator(
            PRODUCTION, environ=ENVIRON, checks={"redis": meet, "llm": meet}
        ).validate_configuration()

    assert asyncio.run(both()).valid

    async def hang(section):
        await asyncio.Event().wait()

    report = validate(str(PRODUCTION), ENVIRON, online=True, checks={"redis": hang, "llm": _nothing}, deadline=0.01)
    assert report.codes() == ("redis.timeout",)
    assert report.issues[0].source.line == 9 or report.issues[0].source.variable == "REDIS_URL"


@pytest.mark.parametrize(
    ("url", "ok"),
    [("redis://h", True), ("rediss://u:p@h:1/2", True), ("unix:///run/r.sock", True), ("unix:///run/r.sock?db=1", True),
     ("redis://[::1]:6379/0", True), ("redis+sentinel://h", False), ("h:6379", False), ("", False), ("redis://", False),
     ("unix://", False), ("redis://h:0", False), ("redis://h:70000", False), ("redis://h/x", False), ("redis://[::1", False),
     ("redis://h\n", False), ("http://h", False)],
)  # fmt: skip
def test_V13_addresses_of_redis(url, ok):
    assert (redis_url_problem(url) is None) == ok


def test_V13_sentinels_and_clusters_have_keys_of_their_own(told, judge):
    text = '[redis]\nsentinel_service = "main"\nsentinels = ["a:26379", "[::1]:26379"]\n'
    assert judge(text).config.redis.sentinels == ("a:26379", "[::1]:26379")
    assert told('[redis]\nsentinel_service = "main"\n') == [("2:20", "redis.sentinels", "config.conflict")]
    assert told('[redis]\nsentinels = ["a"]\n') == [("2:13", "redis.sentinels", "config.value")]
    assert told("[redis]\ncluster = true\n" + text[8:])[0][2] == "config.conflict"


def test_V14_a_password_in_the_clear_is_a_warning_in_production(judge):
    def codes(url, **more):
        return judge("", {"REDIS_URL": url, **more}).report.codes()

    assert codes("redis://:pw@db.example/0") == ("redis.plaintext",)
    assert codes("redis://db.example/0?password=pw") == ("redis.plaintext",)
    for url in ("rediss://:pw@db.example/0", "redis://:pw@localhost/0", "redis://:pw@127.0.0.1", "redis://db.example"):
        assert codes(url) == ()
    assert codes("redis://:pw@db.example/0", UF__ENVIRONMENT__NAME="staging") == ()


@pytest.mark.parametrize("key", ["", " ", "sk-a b", "sk-a\tb", "${OPENAI_API_KEY}", "<key>", "your-api-key", "sk-xxx",
                                 "changeme", "sk-é", "sk-a\x00b", "xxx", "sk-..."])  # fmt: skip
def test_V16_keys_that_cannot_be_meant_are_refused(key):
    assert key_problem(key.strip()) is not None


def test_V16_blanks_around_a_key_are_taken_away(judge):
    config = judge("", {"OPENAI_API_KEY": " sk-live-0123456789\n"}).config
    assert config.llm.api_key.get_secret_value() == "sk-live-0123456789"


def test_V19_reports_share_nothing_and_validations_may_overlap():
    async def overlap():
        validator = pv.ProductionConfigValidator(PRODUCTION, environ={}, online=False)
        first, second = await asyncio.gather(validator.reload(), validator.reload())
        assert first == second
        first.as_dict()["errors"].clear()
        validator.validation_errors.clear()
        assert validator.validation_errors == list(first.errors) != []
        assert validator.validation_warnings == []

    asyncio.run(overlap())


def test_V20_as_dict_has_the_four_keys_of_the_plan(judge):
    report = judge("[redis]\nmax_conections = 5\n[environment]\nsafe_mode = true\n").report
    result = report.as_dict()
    assert list(result) == ["valid", "errors", "warnings", "recommendations"]
    assert (result["valid"], len(result["errors"]), len(result["warnings"])) == (False, 1, 1)
    assert all(report[key] == value for key, value in result.items())
    assert ValidationReport().as_dict() == {"valid": True, "errors": [], "warnings": [], "recommendations": []}


def test_V21_warnings_are_given(judge):
    assert len(judge('[environment]\nsafe_mode = true\nlog_level = "DEBUG"\n').report.warnings) == 2


def test_V22_recommendations_come_from_what_was_found(judge):
    wanting = validate(str(PRODUCTION))
    assert any("REDIS_URL" in one for one in wanting.recommendations)
    assert any("OPENAI_API_KEY" in one for one in wanting.recommendations)
    simulated = {"REDIS_URL": ENVIRON["REDIS_URL"], "UF__LLM__PROVIDER": "simulation"}
    report = validate(str(PRODUCTION), simulated)
    assert report.valid
    assert not any("OPENAI_API_KEY" in one for one in report.recommendations)
    assert validate(str(PRODUCTION), ENVIRON).recommendations == ()


def test_V23_the_file_is_read_once_until_reload(tmp_path):
    path = tmp_path / "app.toml"
    path.write_text("")

    async def read_twice():
        validator = pv.ProductionConfigValidator(path, environ=ENVIRON, online=False)
        first = await validator.validate_configuration()
        path.write_text("[redis]\nx = 1\n")
        assert await validator.validate_configuration() is first
        assert validator.config.llm.model == "gpt-4"
        assert not (await validator.reload()).valid
        with pytest.raises(ConfigurationError):
            assert validator.config

    asyncio.run(read_twice())


def test_V24_it_logs_through_the_house_logger_in_snake_case():
    with capture_events() as events:
        validate(str(PRODUCTION), ENVIRON)
    event = events.assert_logged("configuration_validated", valid=True)
    assert "config_validator" in str(event)


RULES = [
    ({"UF__SECURITY__PII_DETECTION": "no"}, "security.pii_detection", Severity.ERROR, Severity.WARNING),
    ({"UF__SECURITY__PII_DETECTION": "no", "UF__COMPLIANCE__GDPR_COMPLIANCE": "no"}, "security.pii_detection", Severity.WARNING, None),
    ({"UF__COMPLIANCE__AUDIT_RETENTION_DAYS": "30"}, "compliance.retention", Severity.WARNING, Severity.WARNING),
    ({"UF__COMPLIANCE__FAIL_CLOSED_VALIDATION": "no"}, "compliance.fail_open", Severity.WARNING, None),
    ({"UF__LLM__PROVIDER": "simulation"}, "llm.simulation", Severity.WARNING, None),
    ({"OPENAI_API_KEY": ""}, "llm.key_missing", Severity.ERROR, Severity.ERROR),
    ({"UF__SECURITY__MAX_SESSION_AGE_HOURS": "800"}, "security.generous", Severity.WARNING, Severity.WARNING),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "code", "production", "staging"), RULES)
def test_V26_the_table_of_rules(judge, environ, code, production, staging):
    for name, severity in (("production", production), ("staging", staging)):
        found = judge("", {**environ, "UF__ENVIRONMENT__NAME": name}).report.issues
        assert [(one.code, one.severity) for one in found] == ([] if severity is None else [(code, severity)])


def test_V27_a_bug_is_told_as_one_and_logged_with_its_id():
    async def bug(section):
        raise KeyError(CANARY)

    with capture_events() as events:
        report = validate(str(PRODUCTION), ENVIRON, online=True, checks={"redis": bug, "llm": _nothing})
    (issue,) = report.issues
    assert issue.code == "internal"
    assert CANARY not in str(report)
    logged = events.assert_logged("configuration_check_failed")
    assert issue.hint.split()[-1] in str(logged)


def test_a_long_key_costs_what_its_length_costs(judge):
    tracemalloc.start()
    judge(".".join(["a"] * 400) + " = 1\n")
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
