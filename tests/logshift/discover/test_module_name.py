"""The dotted name of a file: that under which the project imports it."""

from __future__ import annotations

import pytest

from logshift.config.settings import Settings
from logshift.discover import module_name

PACKAGED = ["src/pkg/__init__.py", "src/pkg/sub/__init__.py"]

NAMES = [
    # what there is besides; the file; its name; settings
    ("src layout", PACKAGED, "src/pkg/sub/mod.py", "pkg.sub.mod", {}),
    ("the package itself", PACKAGED, "src/pkg/__init__.py", "pkg.__init__", {}),
    ("a module of the source folder", [], "src/mod.py", "mod", {}),
    ("flat package", ["pkg/__init__.py"], "pkg/mod.py", "pkg.mod", {}),
    ("flat module", [], "mod.py", "mod", {}),
    ("package beside the source folder", ["tests/__init__.py", *PACKAGED], "tests/test_a.py", "tests.test_a", {}),
    ("script in a folder that is no package", [], "scripts/tool.py", "tool", {}),
    ("namespace package below the source folder", ["src/ns/pkg/__init__.py"], "src/ns/pkg/mod.py", "ns.pkg.mod", {}),
    ("namespace package alone", [], "src/ns/mod.py", "ns.mod", {}),
    ("folder without __init__ in a package", ["pkg/__init__.py"], "pkg/data/mod.py", "mod", {}),
    ("configured folder", [], "lib/python/ns/mod.py", "ns.mod", {"src": ("lib/python",)}),
    ("deepest configured folder", [], "lib/python/ns/mod.py", "ns.mod", {"src": ("lib", "lib/python", ".")}),
    ("configured folder with a slash and dots", [], "lib/ns/mod.py", "ns.mod", {"src": ("./src/../lib/",)}),
    ("the project's root says nothing of folders in it", [], "scripts/tool.py", "tool", {"src": (".",)}),
    ("folder whose name begins like a configured one", [], "library/ns/mod.py", "mod", {"src": ("lib",)}),
    ("src layout of another project inside", ["a/src/pkg/__init__.py"], "a/src/pkg/mod.py", "pkg.mod", {}),
    ("source folder that is a package", ["src/__init__.py"], "src/mod.py", "src.mod", {}),
    ("source folder in a package", ["pkg/__init__.py", "pkg/src/__init__.py"], "pkg/src/mod.py", "pkg.src.mod",
     {"src": ("pkg/src",)}),
    ("dots in the file's name", [], "src/a.b.py", "a.b", {}),
    ("no ending", [], "src/script", "script", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "path", "name", "settings"), [one[1:] for one in NAMES], ids=[one[0] for one in NAMES]
)
@pytest.mark.parametrize("way", ["absolute", "relative"])
def test_module_is_called_as_it_is_imported(tree, monkeypatch, files, path, name, settings, way):
    root = tree(dict.fromkeys([*files, path], ""))
    monkeypatch.chdir(root)
    assert module_name(str(root / path) if way == "absolute" else path, Settings(root=str(root), **settings)) == name


def test_file_outside_the_project_has_a_name_too(tree):
    root = tree({"other/pkg/__init__.py": "", "other/pkg/mod.py": "", "other/mod.py": "", "project/a.py": ""})
    settings = Settings(root=str(root / "project"))
    assert module_name(str(root / "other/pkg/mod.py"), settings) == "pkg.mod"
    assert module_name(str(root / "other/mod.py"), settings) == "mod"


def test_source_folder_may_lie_outside_the_project(tree):
    root = tree({"shared/ns/mod.py": "", "project/a.py": ""})
    settings = Settings(root=str(root / "project"), src=("../shared",))
    assert module_name(str(root / "shared/ns/mod.py"), settings) == "ns.mod"
