"""Which files a run looks at: nothing twice, nothing left out without being counted, always in the same order."""

from __future__ import annotations

import os
import socket
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logshift.config.find import settings_for
from logshift.config.settings import DEFAULT_EXCLUDE
from logshift.discover import NoSuchPathError, is_generated

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file names, links and permissions")


# -- what is taken -----------------------------------------------------------------------------------------


def test_python_files_are_found_and_others_are_not(tree, found):
    root = tree({"a.py": "", "b.pyc": "", "c.txt": "", "d/e.py": "", "py": "", "f.PY": "", ".h.py": "", ".i/j.py": ""})
    assert found(root)[0] == [".h.py", ".i/j.py", "a.py", "d/e.py"]


def test_folder_named_like_a_file_is_a_folder(tree, found):
    assert found(tree({"a.py/b.py": ""}))[0] == ["a.py/b.py"]


def test_order_is_that_of_the_names_whatever_was_asked_first(tree, found):
    root = tree({"b.py": "", "a/z.py": "", "a.py": "", "c/d.py": ""})
    everything = ["a.py", "a/z.py", "b.py", "c/d.py"]
    assert found(root)[0] == everything
    asked = [str(root / name) for name in ("c", "b.py", "a", "a.py")]
    assert found(root, asked)[0] == found(root, asked[::-1])[0] == everything


def test_file_reached_by_several_paths_is_looked_at_once(tree, found, monkeypatch):
    root = tree({"a/b.py": ""})
    monkeypatch.chdir(root)
    assert found(root, ["a/b.py", ".", "a", "./a/../a/b.py", str(root / "a")])[0] == ["a/b.py"]


def test_paths_are_shown_as_they_were_asked_for(tree, found, monkeypatch):
    root = tree({"a/b.py": ""})
    monkeypatch.chdir(root)
    assert found(root, ["."])[1].files == (os.path.join("a", "b.py"),)
    assert found(root, ["./a"])[1].files == (os.path.join("a", "b.py"),)
    assert found(root, [str(root)])[1].files == (str(root / "a" / "b.py"),)


@pytest.mark.parametrize("name", ["script", "a.pyi", "a.txt"])
def test_named_file_is_taken_whatever_it_is_called(tree, found, name):
    root = tree({name: ""})
    assert found(root, [str(root / name)])[0] == [name]
    assert found(root)[0] == []


def test_path_that_does_not_exist_is_an_error(tree, found):
    root = tree({"a.py": ""})
    with pytest.raises(NoSuchPathError, match=r"b\.py"):
        found(root, [str(root), str(root / "b.py")])


# -- patterns ----------------------------------------------------------------------------------------------


def test_default_patterns_leave_out_folders_alone(tree, found):
    root = tree({f"{pattern}a.py": "" for pattern in DEFAULT_EXCLUDE} | {"venv.py": "", "x/venv": ""})
    names, result = found(root)
    assert names == ["venv.py"]
    assert result.excluded == (len(DEFAULT_EXCLUDE), 0, 0)


def test_excluding_something_else_replaces_the_defaults_and_extending_does_not(tree, found):
    root = tree({"venv/a.py": "", "gen/a.py": "", "a.py": ""})
    assert found(root, exclude=("gen/",))[0] == ["a.py", "venv/a.py"]
    assert found(root, extend_exclude=("gen/",))[0] == ["a.py"]
    assert found(root, extend_exclude=("!venv/",))[0] == ["a.py", "gen/a.py", "venv/a.py"]


def test_patterns_hold_from_the_project_root(tree, found):
    root = tree({"gen/a.py": "", "x/gen/a.py": "", "x/b.py": ""})
    assert found(root, extend_exclude=("/gen",))[0] == ["x/b.py", "x/gen/a.py"]
    assert found(root, [str(root / "x")], extend_exclude=("/gen", "x/gen"))[0] == ["x/b.py"]
    assert found(root, [str(root / "x")], extend_exclude=("/b.py",))[0] == ["x/b.py", "x/gen/a.py"]


def test_folders_and_files_left_out_are_counted_by_reason(tree, found, git):
    root = tree({"gen/a.py": "", "gen/b.py": "", "c.py": "", "d.py": "", "e/f.py": "", ".gitignore": "d.py\ne/\n"})
    git(root, "init", "-q")
    names, result = found(root, exclude=("gen/", "c.py", ".git/"))
    assert names == []
    assert result.excluded == (3, 2, 0)  # gen, c.py and .git; d.py and e


def test_pattern_speaks_before_git(tree, found):
    root = tree({"a.py": "", ".gitignore": "a.py\n"})
    assert found(root, extend_exclude=("a.py",))[1].excluded == (1, 0, 0)


@pytest.mark.parametrize("asked", ["venv/a.py", "venv", "venv/b/c.py", "venv/b"])
def test_what_is_named_is_looked_at_unless_exclusion_is_forced(tree, found, asked):
    root = tree({"venv/a.py": "", "venv/b/c.py": ""})
    assert found(root, [str(root / asked)])[0] != []
    names, result = found(root, [str(root / asked)], force_exclude=True)
    assert (names, result.excluded.by_pattern) == ([], 1)


@posix
def test_forced_exclusion_is_of_a_folder_that_is_a_link_too(tree, found):
    root = tree({"d/a.py": ""})
    (root / "venv").symlink_to("d", target_is_directory=True)
    assert found(root, [str(root / "venv")])[0] == ["venv/a.py"]
    assert found(root, [str(root / "venv")], force_exclude=True)[0] == []


def test_forced_exclusion_leaves_the_rest_alone(tree, found, monkeypatch):
    root = tree({"a.py": "", "d/b.py": "", "venv/c.py": ""})
    asked = [str(root / name) for name in ("a.py", "d/b.py", "venv/c.py")]
    assert found(root, asked, force_exclude=True)[0] == ["a.py", "d/b.py"]
    monkeypatch.chdir(root / "d")
    assert found(root, [".", "../a.py", "../venv/c.py"], force_exclude=True)[0] == ["a.py", "d/b.py"]


def test_forced_exclusion_of_hidden_folders_is_not_of_the_way_to_other_projects(tree, found, monkeypatch):
    root = tree({"other/a.py": "", "project/b.py": ""})
    monkeypatch.chdir(root / "project")
    names, _ = found(root / "project", ["../other/a.py", "."], force_exclude=True, extend_exclude=(".*",))
    assert names == ["../other/a.py", "b.py"]


# -- git ---------------------------------------------------------------------------------------------------


def test_ignore_files_can_be_disregarded(tree, found):
    root = tree({"a.py": "", "d/b.py": "", ".gitignore": "a.py\nd/\n"})
    assert found(root)[0] == []
    assert found(root, respect_gitignore=False)[0] == ["a.py", "d/b.py"]


def test_ignore_files_hold_from_the_repository_root_down(tree, found, git):
    root = tree({".gitignore": "a.py\n/d/b.py\n", "d/a.py": "", "d/b.py": "", "d/c.py": "", "d/e/a.py": ""})
    git(root, "init", "-q")
    assert found(root, [str(root / "d")])[0] == ["d/c.py"]
    assert found(root / "d", [str(root / "d" / "e")])[0] == []


def test_deeper_ignore_file_has_the_last_word(tree, found):
    files = {".gitignore": "*.py\n", "d/.gitignore": "!a.py\n", "a.py": "", "d/a.py": "", "d/b.py": "", "d/e/a.py": ""}
    assert found(tree(files))[0] == ["d/a.py", "d/e/a.py"]


def test_nothing_comes_back_below_an_ignored_folder(tree, found):
    root = tree({".gitignore": "d/\n!d/a.py\n", "d/.gitignore": "!a.py\n", "d/a.py": ""})
    assert found(root)[0] == []


def test_repository_exclude_file_is_read(tree, found, git):
    root = tree({"a.py": "", "d/a.py": "", "b.py": ""})
    git(root, "init", "-q")
    (root / ".git/info").mkdir(exist_ok=True)
    (root / ".git/info/exclude").write_text("/a.py\n/d/b.py\n")
    (root / "d/b.py").touch()
    assert found(root)[0] == ["b.py", "d/a.py"]
    assert found(root, [str(root / "d")])[0] == ["d/a.py"]


@pytest.mark.parametrize("content", ["gitdir: ../modules/x\n", "gitdir: ../modules/x\r\n", "gitdir: ../modules/x"])
def test_submodule_has_its_exclude_file_elsewhere(tree, found, content):
    root = tree({"sub/.git": content, "modules/x/info/exclude": "a.py\n", "sub/a.py": "", "sub/b.py": ""})
    assert found(root / "sub")[0] == ["b.py"]


@pytest.mark.parametrize("content", ["", "nonsense\n", "gitdir: nowhere\n", b"\xff\0"])
def test_git_file_that_leads_nowhere_excludes_nothing(tree, found, content):
    root = tree({".git": "", "a.py": ""})
    (root / ".git").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert found(root)[0] == ["a.py"]


def test_linked_worktree_shares_the_exclude_file(tree, found, git):
    root = tree({"a.py": "", "b.py": ""}, below="main")
    git(root, "init", "-q")
    git(root, "-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "-q", "--allow-empty", "-m", "m")
    (root / ".git/info").mkdir(exist_ok=True)
    (root / ".git/info/exclude").write_text("a.py\n")
    git(root, "worktree", "add", "-q", "../linked")
    assert found(tree({"a.py": "", "b.py": ""}, below="linked"))[0] == ["b.py"]


def test_without_a_repository_ignore_files_hold_from_the_project_root(tree, found):
    root = tree({".gitignore": "a.py\n", "project/.gitignore": "b.py\n", "project/d/a.py": "", "project/d/b.py": ""})
    for asked in ("project", "project/d"):
        assert found(root / "project", [str(root / asked)])[0] == ["d/a.py"]


def test_repository_inside_is_its_own(tree, found, git):
    root = tree({".gitignore": "*.py\n!x.py\n", "vendor/a.py": "", "vendor/b.py": "", "vendor/.gitignore": "b.py\n"})
    assert found(root)[0] == []
    git(root / "vendor", "init", "-q")
    git(root, "init", "-q")
    assert found(root)[0] == ["vendor/a.py"]


@posix
def test_ignore_file_that_is_a_link_is_not_followed(tree, found):
    root = tree({"rules": "a.py\n", "a.py": "", "b.py": ""})
    (root / ".gitignore").symlink_to("rules")
    assert found(root)[0] == ["a.py", "b.py"]  # https://git-scm.com/docs/gitignore#_notes


# -- links, names, permissions -----------------------------------------------------------------------------


@posix
def test_links_to_folders_are_not_walked_so_no_loop_is_entered(tree, found):
    root = tree({"d/a.py": ""})
    (root / "loop").symlink_to(".", target_is_directory=True)
    (root / "d" / "up").symlink_to("..", target_is_directory=True)
    (root / "other.py").symlink_to("d", target_is_directory=True)
    assert found(root)[0] == ["d/a.py"]


@posix
def test_link_to_a_folder_that_is_named_is_walked(tree, found):
    root = tree({"d/a.py": ""})
    (root / "link").symlink_to("d", target_is_directory=True)
    assert found(root, [str(root / "link")])[0] == ["link/a.py"]


@posix
@pytest.mark.parametrize("link", ["a.py", "z.py", "0/z.py"])
def test_file_and_links_to_it_are_one_and_the_file_is_shown(tree, found, link):
    root = tree({"m.py": "", "0/x": ""})
    (root / link).symlink_to(root / "m.py")
    assert found(root)[0] == ["m.py"]
    assert found(root, [str(root / link), str(root / "m.py")])[0] == ["m.py"]


@posix
def test_links_out_of_the_walk_are_followed_once(tree, found):
    root = tree({"m.py": "", "project/x": ""})
    for link in ("b.py", "a.py"):
        (root / "project" / link).symlink_to("../m.py")
    assert found(root / "project")[0] == ["a.py"]


@posix
def test_links_that_lead_nowhere_stand_for_no_file(tree, found):
    root = tree({"a.py": ""})
    (root / ".#a.py").symlink_to("user@host.1234")  # Emacs's lock files
    (root / "self.py").symlink_to("self.py")
    (root / "one.py").symlink_to("two.py")
    (root / "two.py").symlink_to("one.py")
    (root / "under.py").symlink_to("a.py/b")
    names, result = found(root)
    assert (names, result.unreadable) == (["a.py"], ())
    with pytest.raises(NoSuchPathError):
        found(root, [str(root / "self.py")])


@posix
def test_what_is_no_file_is_not_opened(tree, found):
    root = tree({"a.py": ""})
    os.mkfifo(root / "pipe.py")  # opening it would wait for ever
    (root / "link.py").symlink_to("pipe.py")
    assert found(root)[0] == ["a.py"]


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="names have to be UTF-8 there")
def test_names_need_not_be_text(tmp_path, found):
    name = os.fsdecode(b"caf\xe9.py")
    (tmp_path / name).touch()
    (tmp_path / "\n.py").touch()
    assert found(tmp_path)[0] == ["\n.py", name]


@posix
def test_folder_that_cannot_be_read_is_told_of(unprivileged, found):
    for path in ("a.py", "secret/b.py", "d/c.py"):
        (unprivileged / path).parent.mkdir(exist_ok=True)
        (unprivileged / path).touch()
    (unprivileged / "link.py").symlink_to("secret/b.py")
    (unprivileged / "secret").chmod(0)
    names, result = found(unprivileged)
    assert names == ["a.py", "d/c.py"]
    told = [(os.path.relpath(path, unprivileged), reason.split(":")[0]) for path, reason in result.unreadable]
    assert told == [("link.py", "cannot be followed"), ("secret", "cannot be listed")]


# -- generated files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        "# @generated\n",
        '"""Models.\n\n@generated by thrift\n"""\n',
        "# Code generated by protoc-gen. DO NOT EDIT.\n",
        "# Generated by the protocol buffer compiler.  DO NOT EDIT!\n",
        '"""Generated from its class by tools/generate.py; do not edit."""\n',
        "# Generated by OpenAPI Generator (https://openapi-generator.tech)\n\n#    Do not edit the class manually.\n",
        "# DO NOT EDIT\n",
        "# Do not edit: this file is generated.\n",
    ],
)
def test_generated_file_says_so_at_its_head(head):
    assert is_generated(head.encode())
    assert is_generated(b"#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n" + head.encode())
    assert not is_generated(b"#" * 1024 + head.encode())


@pytest.mark.parametrize(
    "head",
    [
        "",
        "# Do not edit the list below by hand.\n",
        '"""Generates reports."""\n',
        "# Auto-generated reports are kept here.\n",
        "MAIL = 'someone@generated.example'\n",
        "# do not edit" + " " * 200 + "generated\n",
        "# the un@generated thing\n",
        "# @generatedness\n",
    ],
)
def test_person_who_speaks_of_generating_or_editing_is_believed(head):
    assert not is_generated(head.encode())


@given(st.binary(max_size=3000))
def test_any_bytes_may_stand_at_the_head(data):
    assert is_generated(data) in (True, False)


@posix
@pytest.mark.parametrize("asked", ["pipe.py", "link.py", "socket.py", "/dev/zero"])
def test_what_is_named_and_is_no_file_is_told_of_and_not_opened(tree, found, monkeypatch, asked):
    root = tree({"a.py": ""})
    monkeypatch.chdir(root)
    os.mkfifo("pipe.py")
    os.symlink("pipe.py", "link.py")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.py")
        files, done = found(root, ["a.py", asked])
    assert files == ["a.py"]
    assert done.unreadable == ((asked, "is not a regular file"),)


@posix
def test_ignore_file_and_configuration_that_are_no_files_are_not_opened(tree, found, monkeypatch):
    root = tree({"a/b.py": ""})
    monkeypatch.chdir(root)
    os.mkfifo("a/.gitignore")
    os.mkfifo("a/pyproject.toml")
    assert found(root, ["a"])[0] == ["a/b.py"]
    settings_for(("a",))
