"""The command and the start: what is printed, and the status that a process ends with."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest

from universal_framework.config.issues import ConfigurationError
from universal_framework.config.production_validator import ProductionConfigValidator
from universal_framework.config.schema import schema, schema_text
from universal_framework.config.startup import EX_CONFIG, configured, start

from .conftest import CANARY, ENVIRON, PRODUCTION, ROOT


def run(*arguments, environ=None, cwd=ROOT):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("UF_", "REDIS_", "OPENAI_"))}
    return subprocess.run(
        [sys.executable, "-m", "universal_framework", "config", *arguments],
        capture_output=True, text=True, check=False, cwd=cwd, env={**clean, **(environ or {})}, timeout=120,
    )  # fmt: skip


def test_V25_check_ends_with_0_1_or_78():
    assert run("check", "--offline", environ=ENVIRON).returncode == 0
    closed = run("check", "--offline")
    assert closed.returncode == EX_CONFIG == 78
    assert "config/production.toml:9:7: redis.url: ${REDIS_URL} is not set [config.unset_variable]\n" in closed.stdout
    assert "    hint: set REDIS_URL, or write ${REDIS_URL:-default}\n" in closed.stdout
    assert "Traceback" not in closed.stderr
    assert run("check", "--offline", environ={"UF__COMPLIANCE__FAIL_CLOSED_VALIDATION": "no"}).returncode == 1
    assert run("check", "--nonesuch").returncode == 2


def test_V25_check_as_json_and_online(redis_server):
    port = redis_server("--requirepass", CANARY)
    environ = {"REDIS_URL": f"redis://:{CANARY}@127.0.0.1:{port}/0", "UF__LLM__PROVIDER": "simulation"}
    good = run("check", "--format", "json", environ=environ)
    assert (good.returncode, json.loads(good.stdout)["valid"]) == (0, True)
    environ["REDIS_URL"] = f"redis://:{CANARY}x@127.0.0.1:{port}/0"
    bad = run("check", "--format", "json", str(PRODUCTION), environ=environ)
    assert bad.returncode == 78
    (issue,) = [one for one in json.loads(bad.stdout)["issues"] if one["severity"] == "error"]
    assert (issue["code"], issue["source"]) == ("redis.auth", {"origin": "environment", "variable": "REDIS_URL"})
    assert CANARY not in good.stdout + good.stderr + bad.stdout + bad.stderr


def test_show_masks_secrets_and_names_the_source_of_every_value():
    environ = {"REDIS_URL": f"rediss://user:{CANARY}@h:1/0?password={CANARY}", "OPENAI_API_KEY": f"sk-{CANARY}"}
    done = run("show", environ={**environ, "UF__LLM__TIMEOUT": "5"})
    assert done.returncode == 0
    rows = {line.split(" = ")[0].strip(): line.split(" = ")[1] for line in done.stdout.splitlines()}
    assert rows["redis.url"].split() == ['"rediss://***@h:1/0?***"', "#", "env", "REDIS_URL"]
    assert rows["llm.api_key"].split() == ['"***"', "#", "env", "OPENAI_API_KEY"]
    assert rows["llm.timeout"].split() == ["5.0", "#", "env", "UF__LLM__TIMEOUT"]
    assert rows["redis.max_connections"].split() == ["50", "#", "config/production.toml:10:19"]
    assert rows["redis.cluster"].split() == ["false", "#", "default"]
    as_json = run("show", "--format", "json", environ=environ)
    settings = {one["path"]: one for one in json.loads(as_json.stdout)["settings"]}
    assert settings["redis.max_connections"]["source"]["line"] == 10
    assert CANARY not in done.stdout + done.stderr + as_json.stdout


def test_schema_is_the_committed_one():
    assert run("schema").stdout == schema_text() == (ROOT / "config" / "production.schema.json").read_text()
    sections = schema()["properties"]
    assert {"environment", "redis", "security", "monitoring", "llm", "compliance", "error_recovery"} == set(sections)


# -- start -----------------------------------------------------------------------------------------------------


def validator(**environ):
    return ProductionConfigValidator(PRODUCTION, environ=environ, online=False)


def test_C17_an_invalid_configuration_stops_the_start_or_starts_in_safe_mode():
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(start(validator()))
    assert "config.unset_variable" in caught.value.report.codes()
    opened = asyncio.run(start(validator(UF__COMPLIANCE__FAIL_CLOSED_VALIDATION="false")))
    assert (opened.config, opened.safe_mode) == (None, True)
    assert "security" in opened.sections
    good = asyncio.run(start(validator(**ENVIRON)))
    assert (good.config.environment.name, good.safe_mode) == ("production", False)
    assert asyncio.run(start(validator(**ENVIRON, UF__ENVIRONMENT__SAFE_MODE="1"))).safe_mode


def test_V25_the_lifespan_of_a_service_validates_first():
    fastapi = pytest.importorskip("fastapi")
    testclient = pytest.importorskip("fastapi.testclient")
    application = fastapi.FastAPI(lifespan=configured(validator(**ENVIRON)))
    with testclient.TestClient(application):
        assert application.state.start.config.llm.model == "gpt-4"
    refused = fastapi.FastAPI(lifespan=configured(validator()))
    with pytest.raises(ConfigurationError), testclient.TestClient(refused):
        pass


def test_V25_a_process_that_refuses_to_start_ends_with_78():
    assert run("check", "--offline", "missing.toml", environ=ENVIRON).returncode == 78
    assert run("show", "missing.toml", environ=ENVIRON).returncode == 78
