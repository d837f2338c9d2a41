"""The migrated application, driven through its API with secrets everywhere: it leaks none, and its trail verifies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent

#: One of each kind; none is anybody's.
CANARIES = {
    "EMAIL_ADDRESS": "canary.person@private-mail.example",
    "CREDIT_CARD": "4111 1111 1111 1111",
    "US_SSN": "536-22-8736",
    "IBAN_CODE": "DE89 3704 0044 0532 0130 00",
    "PHONE_NUMBER": "+49 30 901820 4711",
    "API_TOKEN": "ghp_" + "Zq7Lw9Xc3Vb5Nm1Kj8Hg6Fd4Sa2Po0Iu9Yt7",
    "URL_CREDENTIALS": "https://canary:hunter2canary@db.example/orders",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlY2FuYXJ5Y2FuYXJ5",
}

#: What must be nowhere: the secret part, in the forms in which an output may hold it.
FORBIDDEN = [*CANARIES.values(), "hunter2canary", "4111111111111111", "DE89370400440532013000", "536228736"]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated") / "app"
    shutil.copytree(ROOT / "fixtures" / "legacy", folder, ignore=shutil.ignore_patterns("__pycache__", ".*cache"))
    command = [sys.executable, "-m", "logshift", "migrate", "src"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture(scope="module", params=["own", "house"])
def driven(request, application: Path, tmp_path_factory) -> tuple[str, dict[str, str], Path]:
    """Return whose logging it was, every output by name, and the folder of the audit trail."""
    outputs = tmp_path_factory.mktemp(f"outputs-{request.param}")
    path = os.pathsep.join([str(application / "src"), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, HERE / "driver.py", request.param, outputs / "app.log", outputs / "trail"],
        cwd=application,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        input=json.dumps(list(CANARIES.values())),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    held = {
        str(file.relative_to(outputs)): file.read_bytes().decode("utf-8", "replace")
        for file in outputs.rglob("*")
        if file.is_file()
    }
    return request.param, {**held, "stdout": done.stdout, "stderr": done.stderr}, outputs / "trail"


def test_no_secret_is_in_any_output(driven) -> None:
    _, outputs, _ = driven
    for name, text in outputs.items():
        leaked = [canary for canary in FORBIDDEN if canary in text]
        assert leaked == [], f"{name}: {[line[:500] for line in text.splitlines() if leaked[0] in line][:3]}"


def test_events_were_reported_with_the_secrets_taken_out(driven) -> None:
    setup, outputs, _ = driven
    reported = outputs["app.log"] if setup == "house" else outputs["stdout"]
    events = {json.loads(line)["event"] for line in reported.splitlines() if line.startswith("{")}
    assert {"session_created", "intent_classified", "workflow_completed"} <= events
    if setup == "house":
        for entity in ("EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN", "IBAN_CODE", "PHONE_NUMBER"):
            assert f"[{entity}]" in reported


def test_the_audit_trail_verifies_and_holds_what_was_reported(driven) -> None:
    _, outputs, trail = driven
    command = [sys.executable, "-m", "universal_framework", "audit"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    verified = subprocess.run(
        [*command, "verify", trail], capture_output=True, text=True, check=False, env=env, timeout=120
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    recorded = "".join(text for name, text in outputs.items() if name.startswith("trail"))
    assert "workflow_completed" in recorded
