"""Helpers for the tests of configuration: a folder of its own, and a cache folder of its own."""

from __future__ import annotations

import pytest

from logshift.config.load import ConfigurationError, load


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Keep compiled copies away from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LOGSHIFT_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return the working directory, an empty one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def complaint(here):
    """Return what is said of a configuration."""

    def of(text, name="logshift.toml"):
        (here / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigurationError) as caught:
            load(str(here / name))
        return str(caught.value)

    return of
