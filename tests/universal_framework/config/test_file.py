"""The file: the plan's own is valid, and what is wrong with another is told at its line and column."""

from __future__ import annotations

import tomllib

import pytest
from pydantic import ValidationError

from universal_framework.config import production_validator as pv
from universal_framework.config.environment import kind_of
from universal_framework.config.issues import ConfigurationError, Origin
from universal_framework.config.loader import choose_file
from universal_framework.config.models import SECTIONS
from universal_framework.config.redis_client import redis_client
from universal_framework.observability.production_monitoring import settings_of as monitoring_of
from universal_framework.workflow.production_error_recovery import ProductionErrorRecovery

from .conftest import CANARY, ENVIRON, PRODUCTION, ROOT, validate


def config_of(judge, text="", environ=None):
    examination = judge(text, environ)
    assert examination.report.valid, examination.report.errors
    return examination.config


def test_the_plans_own_file_is_valid_without_a_warning():
    examination = pv.examine(str(PRODUCTION), ENVIRON)
    assert examination.report.issues == ()
    assert pv.examine(str(ROOT / "config" / "staging.toml"), ENVIRON).report.issues == ()
    assert examination.config.model_dump(exclude={"redis", "llm"})["security"]["rate_limit_requests"] == 100


def test_C1_environment_is_the_table_of_the_file(judge, told):
    config = config_of(judge, '[environment]\nname = "staging"\ndebug = true\nlog_level = "ERROR"\nsafe_mode = true\n')
    assert (config.environment.name, config.environment.debug) == ("staging", True)
    assert (config.environment.log_level, config.environment.safe_mode) == ("ERROR", True)
    assert told('environment = "production"\n') == [("1:15", "environment", "config.type")]
    (issue,) = judge('environment = "production"\n').report.issues
    assert issue.hint == "write [environment] and below it name = …"


@pytest.mark.parametrize("section", ["redis", "security", "monitoring", "llm", "compliance", "environment"])
def test_C3_every_section_is_modelled_and_an_unknown_key_is_an_error(told, section):
    assert told(f"[{section}]\nnonesuch = 1\n") == [("2:1", f"{section}.nonesuch", "config.unknown_key")]
    assert told('[llm]\nprovider = "nope"\n') == [("2:12", "llm.provider", "config.value")]
    assert told('[compliance]\nfail_closed_validation = "maybe"\n')[0][2] == "config.type"
    assert told("[nonesuch]\n") == [("1:2", "nonesuch", "config.unknown_key")]


def test_C4_there_is_one_source_of_truth_about_the_model(judge):
    llm = config_of(judge, '[llm]\ntimeout = 7\nmax_retries = 1\nmodel = "gpt-x"\ntemperature = 0\n').llm
    assert (llm.timeout, llm.max_retries, llm.model, llm.temperature) == (7, 1, "gpt-x", 0)
    assert llm.api_key.get_secret_value() == ENVIRON["OPENAI_API_KEY"]


def test_C5_datadog_enabled_is_the_key_and_the_config_is_typed(judge, told):
    monitoring = config_of(judge, "[monitoring]\ndatadog_enabled = true\n").monitoring
    assert isinstance(monitoring, pv.MonitoringConfig)
    assert monitoring.datadog_enabled is True
    assert told("[monitoring]\nenabled = true\n") == [("2:1", "monitoring.enabled", "config.unknown_key")]


@pytest.mark.parametrize("endpoint", ["", "/", "health", "/health/", "/a/../b", "/..", "//", "/a b", "/a?b", "/a\\n"])
def test_C6_the_health_endpoint_is_a_prefix(judge, told, endpoint):
    text = f'[monitoring]\nhealth_check_endpoint = "{endpoint}"\n'
    assert told(text) == [("2:25", "monitoring.health_check_endpoint", "config.value")]
    text = '[monitoring]\nhealth_check_endpoint = "/internal/health-2"\n'
    assert config_of(judge, text).monitoring.health_check_endpoint == "/internal/health-2"


def test_C7_metrics_interval_is_a_setting_in_seconds(judge, told):
    assert config_of(judge, "[monitoring]\nmetrics_interval = 0.5\n").monitoring.metrics_interval == 0.5
    assert told("[monitoring]\nmetrics_interval = 0\n")[0][2] == "config.range"


def test_C8_performance_logging_is_a_setting(judge, told):
    assert config_of(judge, "[monitoring]\nperformance_logging = false\n").monitoring.performance_logging is False
    assert told('[monitoring]\nperformance_logging = "no"\n')[0][2] == "config.type"


def test_C9_error_rate_threshold_is_a_setting(judge):
    assert config_of(judge, "[monitoring]\nerror_rate_threshold = 1\n").monitoring.error_rate_threshold == 1.0


def test_C10_the_settings_of_redis_reach_its_client(judge):
    pytest.importorskip("redis")
    text = "[redis]\nmax_connections = 7\nconnection_timeout = 0.5\nhealth_check_interval = 11\n"
    text += "retry_attempts = 4\nretry_delay = 0.25\n"
    pool = redis_client(config_of(judge, text).redis).connection_pool
    made = pool.connection_kwargs
    assert (pool.max_connections, pool.timeout) == (7, 0.5)
    assert (made["socket_timeout"], made["socket_connect_timeout"], made["health_check_interval"]) == (0.5, 0.5, 11)
    assert made["retry"].get_retries() == 4
    assert (made["retry"]._backoff._base, type(made["retry"]._backoff).__name__) == (
        0.25,
        "ExponentialWithJitterBackoff",
    )
    assert redis_client(judge("").config.redis, retries=0).connection_pool.connection_kwargs["retry"].get_retries() == 0


def test_C11_a_session_cannot_be_idle_for_longer_than_it_may_live(told):
    text = "[security]\nsession_timeout_hours = 168\nmax_session_age_hours = 1\n"
    assert told(text) == [("3:25", "security.max_session_age_hours", "security.session_limits")]
    text = "[security]\nsession_timeout_hours = 169\n"  # the other is the default
    assert told(text) == [("2:25", "security.max_session_age_hours", "security.session_limits")]
    with pytest.raises(ValidationError):
        pv.SecurityConfig(session_timeout_hours=2, max_session_age_hours=1)


def test_C12_production_is_neither_debugged_nor_talkative(judge, told):
    assert told("[environment]\ndebug = true\n") == [("2:9", "environment.debug", "config.production_debug")]
    examination = judge('[environment]\nlog_level = "DEBUG"\n')
    assert examination.report.valid
    assert examination.report.codes() == ("environment.debug_logging",)


def test_C13_safe_mode_in_production_is_a_warning(judge, told):
    examination = judge("[environment]\nsafe_mode = true\n")
    assert examination.report.valid
    assert examination.report.codes() == ("environment.safe_mode",)
    assert told('[environment]\nname = "staging"\nsafe_mode = true\n') == []


@pytest.mark.parametrize(
    ("section", "key"),
    [("redis", "connection_timeout"), ("redis", "health_check_interval"), ("security", "rate_limit_window"),
     ("llm", "timeout"), ("error_recovery", "agent_timeout"), ("error_recovery", "circuit_breaker_timeout")],
)  # fmt: skip
def test_C14_durations_are_seconds_above_zero_and_may_be_fractions(judge, told, section, key):
    assert getattr(getattr(config_of(judge, f"[{section}]\n{key} = 0.25\n"), section), key) == 0.25
    for wrong in ("0", "-1", "inf", "nan"):
        assert told(f"[{section}]\n{key} = {wrong}\n")[0][1:] == (f"{section}.{key}", "config.range"), wrong
    assert config_of(judge, "[redis]\nretry_delay = 0\n").redis.retry_delay == 0


def test_C15_retries_can_be_turned_off(judge, told):
    assert config_of(judge, "[redis]\nretry_attempts = 0\n").redis.retry_attempts == 0
    assert told("[redis]\nretry_attempts = -1\n") == [("2:18", "redis.retry_attempts", "config.range")]


def test_C16_what_is_large_is_a_warning(judge):
    examination = judge("[redis]\nmax_connections = 101\n[security]\nrate_limit_requests = 1001\n")
    assert examination.report.valid
    assert examination.report.codes() == ("redis.generous", "security.generous")


def test_C18_error_recovery_is_a_section_with_what_differs_for_agents(judge, told):
    text = "[error_recovery]\nenabled = false\ncircuit_breaker_threshold = 2\n[error_recovery.agents.email]\nagent_timeout = 9\n"
    recovery = config_of(judge, text, {"UF__ERROR_RECOVERY__AGENTS__STRATEGY__ENABLED": "no"}).error_recovery
    assert (recovery.enabled, recovery.circuit_breaker_threshold) == (False, 2)
    assert recovery.agents["email"].agent_timeout == 9
    assert recovery.agents["strategy"].enabled is False
    wrong = "[error_recovery.agents.email]\nagent_timeot = 9\n"
    assert told(wrong) == [("2:1", "error_recovery.agents.email.agent_timeot", "config.unknown_key")]


def test_C19_C20_the_file_is_chosen_by_argument_variable_or_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = {"UNIVERSAL_FRAMEWORK_CONFIG": "b.toml", "UF__ENVIRONMENT__NAME": "staging"}
    assert choose_file("a.toml", named).path == str(tmp_path / "a.toml")
    assert choose_file(None, named).path == str(tmp_path / "b.toml")
    assert choose_file(None, {"UF__ENVIRONMENT__NAME": "staging"}).path == str(tmp_path / "config" / "staging.toml")
    assert choose_file(None, {}).path == str(tmp_path / "config" / "production.toml")
    assert choose_file(None, {"UF__ENVIRONMENT__NAME": "../../x"}).path == str(tmp_path / "config" / "production.toml")
    assert validate().path == str(tmp_path / "config" / "production.toml")


def test_C21_a_missing_file_is_said_first_and_is_an_error_where_something_is_wanting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = validate()
    assert report.codes()[0] == "config.file_missing"
    assert "config.missing" not in report.codes()
    assert not report.valid
    complete = validate(environ=ENVIRON)
    assert complete.valid
    assert complete.codes() == ("config.file_missing",)
    assert validate("named.toml", environ=ENVIRON).codes() == ("config.file_missing",)
    assert not validate("named.toml", environ=ENVIRON).valid


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("redis", "max_connections", "true"), ("monitoring", "error_rate_threshold", "true"),
     ("redis", "max_connections", '"1_0"'), ("redis", "max_connections", "5.0"), ("environment", "debug", "1"),
     ("environment", "debug", '"true"'), ("llm", "model", "4"), ("redis", "sentinels", '"a:1"'),
     ("llm", "timeout", "1979-05-27"), ("environment", "name", "1")],
)  # fmt: skip
def test_C24_values_of_the_file_have_the_type_that_is_asked_for(told, section, key, value):
    (row,) = told(f"[{section}]\n{key} = {value}\n")
    assert row == (f"2:{len(key) + 4}", f"{section}.{key}", "config.type")


def test_C24_a_whole_number_is_a_number(judge):
    assert config_of(judge, "[llm]\ntimeout = 5\n").llm.timeout == 5.0


def test_C25_a_threshold_of_zero_is_refused(told):
    assert told("[monitoring]\nerror_rate_threshold = 0.0\n")[0][2] == "config.range"


def test_C27_a_secret_in_the_file_is_a_warning(judge):
    examination = judge('[llm]\napi_key = "sk-abcdef0123456789"\n[redis]\nurl = "rediss://:pw@h/0"\n', complete=False)
    assert examination.report.valid
    assert examination.report.codes() == ("config.literal_secret", "config.literal_secret")
    assert "${OPENAI_API_KEY}" in examination.report.issues[0].hint
    clean = '[llm]\napi_key = "${K}"\n[redis]\nurl = "rediss://:${P}@h/0"\n'
    assert judge(clean, {"K": "sk-abcdef0123456789", "P": "pw"}, complete=False).report.codes() == ()
    default = '[llm]\napi_key = "${K:-sk-abcdef0123456789}"\n[redis]\nurl = "unix:///tmp/s"\n'
    assert judge(default, complete=False).report.codes() == ("config.literal_secret",)


def test_the_error_of_an_invalid_configuration_carries_the_report(judge):
    report = judge("[redis]\nx = 1\n").report
    assert ConfigurationError(report).report is report
    assert "redis.x" in str(ConfigurationError(report))


def test_what_the_plan_writes_is_what_the_file_holds():
    tables = tomllib.loads(PRODUCTION.read_text())
    assert tables["redis"] == {
        "url": "${REDIS_URL}", "max_connections": 50, "connection_timeout": 5, "health_check_interval": 30,
        "retry_attempts": 3, "retry_delay": 1,
    }  # fmt: skip
    assert list(tables)[:6] == ["environment", "redis", "security", "monitoring", "llm", "compliance"]


def test_every_value_in_effect_has_its_source(judge):
    settings = {one.path: one for one in judge("[redis]\nretry_delay = 2\n", {"UF__LLM__TIMEOUT": "3"}).settings()}
    assert settings["redis", "retry_delay"].source.line == 2
    assert settings["llm", "timeout"].source.variable == "UF__LLM__TIMEOUT"
    assert settings["redis", "url"].source.variable == "REDIS_URL"
    assert settings["llm", "model"].source.origin is Origin.DEFAULT


def every_setting():
    """Return each setting of recovery and monitoring with a value that it is not by default."""
    other = {
        "exporter": '"otlp"', "service_name": '"s"', "dogstatsd_address": '"unix:///run/dsd"', "otlp_endpoint": '"https://h:4317"',
        "otlp_protocol": '"grpc"', "otlp_headers": '"a=b"', "otlp_compression": '"none"', "otlp_certificate": '"/c.pem"',
        "health_check_endpoint": '"/up"', "fallback_on": '["timeout", "rejection"]',
        "otlp_client_certificate": '"/d.pem"', "otlp_client_key": '"/e.pem"',
    }  # fmt: skip
    for section in ("monitoring", "error_recovery"):
        for key, field in SECTIONS[section].model_fields.items():
            if key == "agents":
                continue
            kind = kind_of(field).name
            default = field.default
            if kind == "bool":
                value = str(not default).lower()
            elif kind in ("int", "float"):
                value = {
                    "max_series": "11",
                    "sliding_window": "30",
                    "wait_multiplier": "3",
                    "degradation_factor": "3",
                }.get(key, "0.25" if kind == "float" else "9")
            else:
                value = other[key]
            yield section, key, value


def test_C5_C18_every_setting_of_recovery_and_monitoring_can_be_written_and_reaches_them(judge):
    settings = list(every_setting())
    for section in ("monitoring", "error_recovery"):
        own = [(key, value) for name, key, value in settings if name == section]
        text = f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in own)
        config = config_of(judge, text)
        made = getattr(config, section)
        unchanged = [key for key, _ in own if getattr(made, key) == type(made).model_fields[key].default]
        assert unchanged == []
        room = ProductionErrorRecovery(config).config if section == "error_recovery" else monitoring_of(config)
        assert room is made
        variables = {f"UF__{section}__{key}".upper(): value.strip('"[]').replace('"', "") for key, value in own}
        assert getattr(config_of(judge, "", variables), section) == made


def test_C5_C18_what_is_wrong_with_them_is_told_where_it_stands(told):
    assert told('[error_recovery]\nfallback_on = ["timeout", "tiemout"]\n') == [
        ("2:27", "error_recovery.fallback_on[1]", "config.value")
    ]
    assert told('[error_recovery]\nfallback_on = "timeout"\n') == [
        ("2:15", "error_recovery.fallback_on", "config.type")
    ]
    assert told("[error_recovery]\nsliding_window = 5\n") == [
        ("2:18", "error_recovery.minimum_calls", "error_recovery.window")
    ]
    assert told("[error_recovery.agents.a]\nminimum_calls = 50\n") == [
        ("2:17", "error_recovery.agents.a.minimum_calls", "error_recovery.window")
    ]
    assert told("[error_recovery]\nminimum_calls = 50\n[error_recovery.agents.a]\nsliding_window = 60\n")[0][2] == (
        "error_recovery.window"
    )
    assert told('[monitoring]\nexporter = "datadog"\n') == [("2:12", "monitoring.exporter", "config.value")]
    assert told('[monitoring]\notlp_endpoint = "http://u:p@h"\n') == [
        ("2:17", "monitoring.otlp_endpoint", "config.address")
    ]
    assert told('[monitoring]\ndogstatsd_address = "h:8125"\n') == [
        ("2:21", "monitoring.dogstatsd_address", "config.address")
    ]
    assert told('[monitoring]\notlp_client_key = "/k"\n') == [
        ("2:19", "monitoring.otlp_client_key", "monitoring.client_certificate")
    ]


def test_C27_headers_of_a_collector_are_secret(judge):
    headers = f"authorization=Bearer%20{CANARY}"
    examination = judge(
        f'[monitoring]\notlp_logs = true\notlp_headers = "{headers}"\notlp_endpoint = "http://h:4318"\n'
    )
    assert examination.config.monitoring.otlp_header_pairs == (("authorization", f"Bearer {CANARY}"),)
    assert set(examination.report.codes()) == {"config.literal_secret", "monitoring.plaintext"}
    wrong = judge("", {"UF__MONITORING__OTLP_HEADERS": f"{CANARY}"})
    assert wrong.report.codes() == ("config.headers",)
    assert (
        CANARY not in f"{examination.report.issues} {list(examination.settings())} {examination.config} {wrong.report}"
    )


def test_settings_of_an_agent_that_were_not_given_are_not_shown(judge):
    examination = judge("[error_recovery.agents.a]\nagent_timeout = 9\n")
    assert [one.path for one in examination.settings() if "agents" in one.path] == [
        ("error_recovery", "agents", "a", "agent_timeout")
    ]
