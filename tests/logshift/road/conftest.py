"""A small project on disk, and the whole road through it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from logshift.config.find import settings_for
from logshift.engine import Analysis, analyse
from logshift.migrate import Migration, migrate

HELPER = """\
[[tool.logshift.legacy]]
factory = "app.helpers.FlowLogger"
methods = { flow_info = "log_info" }
"""


@dataclass(frozen=True)
class Project:
    """A project folder; files are given as text or bytes by their path in it."""

    root: Path

    def write(self, files: dict[str, str | bytes], config: str = HELPER) -> None:
        """Write `files` and a configuration; ``app`` is a package."""
        for path, content in {"app/__init__.py": "", "pyproject.toml": config, **files}.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)

    def check(self, *paths: str) -> Analysis:
        """Return the analysis of `paths`, or of all."""
        wanted = tuple(paths) or (".",)
        return analyse(wanted, settings_for(wanted))

    def migrate(self, *paths: str) -> Migration:
        """Return the migration of `paths`, or of all; nothing is written."""
        return migrate(self.check(*paths))

    def after(self, path: str = "app/mod.py") -> bytes:
        """Return what the migration makes of one file."""
        for outcome in self.migrate(path).outcomes:
            if outcome.after is not None:
                return outcome.after
        return (self.root / path).read_bytes()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return an empty project, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGSHIFT_CACHE_DIR", str(tmp_path / ".cache"))
    return Project(tmp_path)


@pytest.fixture
def changed(project: Project) -> Callable[..., None]:
    """Return a check: `before` becomes `after`, and `after` stays as it is."""

    def check(before: str, after: str, *, config: str = HELPER, **others: str) -> None:
        project.write({"app/mod.py": before, **others}, config)
        assert project.after().decode() == after
        project.write({"app/mod.py": after, **others}, config)
        assert project.after().decode() == after

    return check


@pytest.fixture
def unchanged(project: Project) -> Callable[..., None]:
    """Return a check: the text stays as it is, and no legacy logger is found in it."""

    def check(text: str, *, config: str = HELPER, **others: str) -> None:
        project.write({"app/mod.py": text, **others}, config)
        assert project.after().decode() == text
        assert not project.check("app/mod.py").findings

    return check


@pytest.fixture(autouse=True)
def deep_sources() -> None:
    """Allow the recursion that the command line allows itself."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 30_000))
