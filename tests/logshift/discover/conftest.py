"""Helpers for the tests of discovery: trees of files, and git as the one who knows what git ignores."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from logshift.config.settings import Settings
from logshift.discover import discover


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


@pytest.fixture
def tree(tmp_path):
    """Write files, given as path and text, and return the folder they are in."""
    return lambda files, below=".": write_tree(tmp_path / below, files)


@pytest.fixture(scope="session")
def git(git):
    """Run git in a folder and return what it prints."""

    def run(folder, *arguments, text=b""):
        done = git(folder, *arguments, text=text)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    return run


@pytest.fixture
def found():
    """Return what is discovered below a folder, as paths from it."""

    def run(root, paths=None, *, force_exclude=False, **settings):
        settings = Settings(root=str(root), **settings)
        forced = {"force_exclude": True} if force_exclude else {}
        result = discover([str(root)] if paths is None else paths, settings, **forced)
        return [os.path.relpath(file, root).replace(os.sep, "/") for file in result.files], result

    return run


@pytest.fixture
def unprivileged():
    """Return a folder for a test that must not be the superuser's: nothing is forbidden to them."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no POSIX permissions here")
    # not below pytest's own folder, which nobody else may enter
    root = Path(tempfile.mkdtemp(prefix="logshift-"))
    superuser = os.geteuid() == 0
    try:
        if superuser:
            nobody = 65534
            os.chown(root, nobody, nobody)
            os.seteuid(nobody)
        yield root
    finally:
        if superuser:
            os.seteuid(0)
        for folder in [root, *root.rglob("*")]:
            if folder.is_dir() and not folder.is_symlink():
                folder.chmod(0o700)
        shutil.rmtree(root)
