"""What all tests share: the parts that a bare machine may lack, and git with nobody's configuration."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

#: Programs that some tests use, each with what to install where it is missing.
PARTS = {
    "git": "git",
    "patch": "patch",
    "strace": "strace",
    "cc": "gcc",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "promtool": "prometheus",
}

_HERMETIC = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CEILING_DIRECTORIES": "",
    "HOME": os.devnull,
    "XDG_CONFIG_HOME": os.devnull,
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose part is missing; under ``make test-full`` a missing part is a failure."""
    names = [name for marker in item.iter_markers("needs") for name in marker.args]
    names += ["git"] if "git" in getattr(item, "fixturenames", ()) else []
    for name in names:
        if shutil.which(name) is None:
            reason = f"{name} is not installed (Debian: apt install {PARTS[name]})"
            if os.environ.get("LOGSHIFT_FULL"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


@pytest.fixture(scope="session")
def git():
    """Run git in a folder, with nobody's configuration; return the finished process."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | _HERMETIC

    def run(folder, *arguments, text=None):
        return subprocess.run(
            ["git", *arguments], cwd=folder, input=text, capture_output=True, env=environment, check=False
        )

    return run
