"""Which configuration holds: the nearest that speaks of logshift, and what the project's root is without one."""

from __future__ import annotations

import os

import pytest

from logshift.config.find import settings_for
from logshift.config.load import ConfigurationError
from logshift.config.settings import DEFAULT_EXCLUDE, Settings

TABLE = "[tool.logshift]\nextend-exclude = ['{0}']\n"


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def own(name):
    return f"extend-exclude = ['{name}']\n"


NEAREST = [
    # what there is, each saying its name; what is checked; which holds
    ("the file beside", {"logshift.toml": own("a")}, "x.py", "a"),
    ("the file above", {"logshift.toml": own("a")}, "b/c/x.py", "a"),
    ("the nearer", {"logshift.toml": own("a"), "b/logshift.toml": own("b")}, "b/c/x.py", "b"),
    ("own file before the shared one", {"logshift.toml": own("a"), "pyproject.toml": TABLE.format("b")}, "x.py", "a"),
    ("the nearer, even if shared", {"logshift.toml": own("a"), "b/pyproject.toml": TABLE.format("b")}, "b/x.py", "b"),
    ("a shared one without our table", {"logshift.toml": own("a"), "b/pyproject.toml": "[tool.x]\n"}, "b/x.py", "a"),
    ("a shared one that only needs us", {"pyproject.toml": TABLE.format("a"),
     "b/pyproject.toml": "[dependency-groups]\ndev = ['logshift>=0.1']\n"}, "b/x.py", "a"),
    ("a shared one that needs us, poetry's way", {"pyproject.toml": TABLE.format("a"),
     "b/pyproject.toml": "[tool.poetry.group.dev.dependencies]\nlogshift = '*'\n"}, "b/x.py", "a"),
    ("an odd spelling", {"pyproject.toml": "[ tool . 'logshift' ]\nextend-exclude = ['a']\n"}, "x.py", "a"),
    ("an inline table", {"pyproject.toml": "tool = {logshift = {extend-exclude = ['a']}}\n"}, "x.py", "a"),
    ("dotted keys", {"pyproject.toml": "[tool]\nlogshift.extend-exclude = ['a']\n"}, "x.py", "a"),
    ("a file in a folder below", {"logshift.toml": own("a"), "b/logshift.toml": own("b")}, "x.py", "a"),
    ("past the repository's root", {"logshift.toml": own("a"), "b/.git/config": ""}, "b/x.py", "a"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "path", "which"), [one[1:] for one in NEAREST], ids=[one[0] for one in NEAREST])
def test_nearest_configuration_holds(here, files, path, which):
    write(here, {**files, path: ""})
    for asked in (path, str(here / path), os.path.dirname(path) or "."):
        settings = settings_for((asked,))
        assert settings.extend_exclude == (which,)
        assert settings.root == os.path.dirname(settings.file)


def test_several_paths_have_the_configuration_above_them_all(here):
    write(here, {"logshift.toml": own("a"), "b/logshift.toml": own("b"), "b/x.py": "", "b/c/y.py": "", "d/z.py": ""})
    assert settings_for(("b/x.py", "b/c/y.py")).extend_exclude == ("b",)
    assert settings_for(("b/x.py", "d/z.py")).extend_exclude == ("a",)
    assert settings_for(()).extend_exclude == ("a",)


def test_file_that_is_named_holds_whatever_is_near(here):
    write(here, {"logshift.toml": own("a"), "ci/strict.toml": own("b"), "ci/pyproject.toml": TABLE.format("c")})
    assert settings_for((".",), "ci/strict.toml").extend_exclude == ("b",)
    assert settings_for((".",), "ci/pyproject.toml").extend_exclude == ("c",)
    assert settings_for((".",), "ci/strict.toml").root == str(here / "ci")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.toml", "nowhere.toml: cannot be read: No such file"),
        (".", "cannot be read: Is a directory"),
        ("", "cannot be read: Is a directory"),
        ("pyproject.toml", "pyproject.toml: has no table [tool.logshift]"),
        ("bad.toml", "bad.toml:1:1: unknown key"),
    ],
)
def test_file_that_is_named_has_to_say_something(here, name, message):
    write(here, {"pyproject.toml": "[tool.other]\n", "bad.toml": "x = 1\n"})
    for _ in range(2):  # nor does a compiled copy hide it
        with pytest.raises(ConfigurationError) as caught:
            settings_for((".",), name)
        assert message in str(caught.value)


@pytest.mark.parametrize("mark", ["pyproject.toml", ".git/config", ".hg/hgrc", ".logshift/lock"])
def test_without_configuration_the_root_is_the_nearest_mark(here, mark):
    write(here, {f"p/{mark}": "", "p/a/x.py": ""})
    assert settings_for(("p/a/x.py",)) == Settings(root=str(here / "p"))
    assert settings_for(("p/a/x.py",)).exclude == DEFAULT_EXCLUDE


def test_without_any_mark_the_root_is_where_one_stands(here, monkeypatch, tmp_path_factory):
    """So that `rollback`, which is given no paths, finds what `migrate a/x.py` wrote down."""
    write(here, {"a/b/x.py": ""})
    assert settings_for(("a/b/x.py",)).root == settings_for(("a",)).root == settings_for(()).root == str(here)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert settings_for((str(here / "a/b"),)).root == str(here / "a/b")
    assert settings_for((str(here / "a/b/x.py"),)).root == str(here / "a/b")


def test_path_that_does_not_exist_has_the_configuration_of_where_it_would_be(here):
    write(here, {"logshift.toml": own("a"), "b/logshift.toml": own("b")})
    assert settings_for(("b/nothing.py",)).extend_exclude == ("b",)
    assert settings_for(("c/d/nothing.py",)).extend_exclude == ("a",)


def test_configuration_that_is_wrong_is_not_passed_over(here):
    write(here, {"logshift.toml": own("a"), "b/logshift.toml": "x = [", "b/x.py": ""})
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        settings_for(("b/x.py",))
