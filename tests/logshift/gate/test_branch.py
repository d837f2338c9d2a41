"""Only what a branch adds counts: its lines, its files, what is not committed; git alone knows which those are."""

from __future__ import annotations

import os

import pytest

OLD = "import logging\n\na = logging.getLogger('a')\na.info('x')\n"
MORE = "b = logging.getLogger('b')\nb.info('x')\n"


@pytest.fixture
def branch(repository):
    """Return git in a repository whose branch `work` has left `main`."""

    def make(files):
        git = repository(files)
        git("switch", "-qc", "work")
        return git

    return make


def counted(report):
    return [f"{one['path']}:{one['line']}" for one in report["findings"]]


def test_only_added_lines_count_and_the_others_are_told(branch, checked, logshift):
    git = branch({"a.py": OLD, "b.py": OLD})
    assert checked("--diff-base", "main")["status"] == 0
    (git.root / "a.py").write_text(OLD + MORE)
    report = checked("--diff-base", "main")
    assert (report["status"], counted(report), report["totals"]["outside_branch"]) == (1, ["a.py:5"], 2)
    assert report["gate"]["branch"] == {"revision": "main", "base": git("rev-parse", "main")}
    assert "2 on lines that the branch has not added since" in logshift("check", "--diff-base", "main").out


CHANGES = {
    "not committed": lambda git: (git.root / "a.py").write_text(OLD + MORE),
    "in the index": lambda git: ((git.root / "a.py").write_text(OLD + MORE), git("add", "-A")),
    "committed": lambda git: ((git.root / "a.py").write_text(OLD + MORE), git("commit", "-qam", "more")),
    "one line changed": lambda git: (git.root / "a.py").write_text(OLD.replace("('a')", "('c')")),
    "the last of its lines changed": lambda git: (git.root / "long.py").write_text("import logging\na = logging.getLogger(\n    'c'\n)\na.info('')\n"),
    "a new file": lambda git: (git.root / "c.py").write_text(OLD),
    "a new file in the index": lambda git: ((git.root / "c.py").write_text(OLD), git("add", "-A")),
    "a new file in a new folder": lambda git: ((git.root / "n").mkdir(), (git.root / "n/c.py").write_text(OLD)),
    "a renamed file with a line more": lambda git: (git("mv", "wide.py", "moved.py"), (git.root / "moved.py").write_text(WIDE + MORE)),
    "a name with everything in it": lambda git: (git.root / "ü \"x'\t.py").write_text("x = 1\n" + OLD),
    "lines below some that look like a patch": lambda git: (git.root / "a.py").write_text("'''\n++ b/wide.py\n'''\n" + OLD + MORE),
    "a line without an end": lambda git: (git.root / "bare.py").write_text("x = 1\nimport logging; logging.info('')"),
}  # fmt: skip
WIDE = OLD + "".join(f"x{number} = {number}\n" for number in range(30))
FILES = {
    "a.py": OLD,
    "long.py": "import logging\na = logging.getLogger(\n    'b'\n)\na.info('')\n",
    "wide.py": WIDE,
    "ü \"x'\t.py": "x = 1\n",
    "bare.py": "x = 1",
}


@pytest.mark.parametrize("change", CHANGES)
def test_added(branch, checked, change):
    git = branch(FILES)
    CHANGES[change](git)
    assert len(counted(checked("--diff-base", "main"))) == 1


UNCHANGED = {
    "nothing": lambda git: git("status"),
    "a renamed file": lambda git: git("mv", "wide.py", "moved.py"),
    "lines above": lambda git: (git.root / "a.py").write_text("# one\n# two\n" + OLD),
    "lines taken away": lambda git: (git.root / "a.py").write_text(OLD.replace("\n\n", "\n")),
    "lines around": lambda git: (git.root / "a.py").write_text(OLD.replace("\n\n", "\nx = 1\n").replace("a.info('x')", "a.info('y')")),
    "lines that look like a patch": lambda git: (git.root / "a.py").write_text("'''\n++ b/wide.py\n@@ -1 +1,9 @@\n-- a/x\n'''\n" + OLD),
    "new commits of the other branch": lambda git: (git("switch", "-q", "main"), (git.root / "wide.py").write_text(WIDE + MORE), git("commit", "-qam", "m"), git("switch", "-q", "work")),
}  # fmt: skip


@pytest.mark.parametrize("change", UNCHANGED)
def test_not_added(branch, checked, change):
    git = branch(FILES)
    UNCHANGED[change](git)
    report = checked("--diff-base", "main")
    assert (report["status"], counted(report), report["totals"]["outside_branch"]) == (0, [], 3)


def test_what_only_the_other_branch_has_is_not_added_even_after_it_was_merged(branch, checked):
    git = branch({"a.py": OLD})
    git("switch", "-q", "main")
    (git.root / "b.py").write_text(OLD)
    git("add", "-A")
    git("commit", "-qm", "main")
    git("switch", "-q", "work")
    git("merge", "-q", "main")
    assert counted(checked("--diff-base", "main")) == []


@pytest.mark.parametrize(
    "setting",
    [
        "diff.noprefix=true",
        "diff.mnemonicPrefix=true",
        "color.ui=always",
        "diff.external=false",
        "core.quotePath=false",
        "diff.renames=false",
        "diff.context=9",
        "diff.relative=true",
        "diff.interHunkContext=9",
        "diff.orderFile=order",
    ],
)
def test_a_persons_configuration_of_git_changes_nothing(branch, checked, monkeypatch, setting):
    git = branch({f"sub/{name}": text for name, text in FILES.items()} | {"order": "*\n", "pyproject.toml": ""})
    git("config", *setting.split("="))
    (git.root / "sub/a.py").write_text("# x\n" + OLD + MORE)
    git("mv", "sub/wide.py", "sub/moved.py")
    monkeypatch.chdir(git.root / "sub")
    assert counted(checked("--diff-base", "main")) == ["a.py:6"]


@pytest.mark.parametrize(("name", "value"), [("GIT_DIFF_OPTS", "--unified=9"), ("GIT_EXTERNAL_DIFF", "false")])
def test_a_persons_environment_of_git_changes_nothing(branch, checked, monkeypatch, name, value):
    git = branch({"a.py": OLD})
    (git.root / "a.py").write_text(OLD + MORE)
    monkeypatch.setenv(name, value)
    assert counted(checked("--diff-base", "main")) == ["a.py:5"]


def test_the_repository_is_that_of_the_paths_wherever_the_configuration_lies(
    branch, checked, monkeypatch, tmp_path_factory
):
    git = branch({"a.py": OLD})
    (git.root / "a.py").write_text(OLD + MORE)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "logshift.toml").write_text("")
    monkeypatch.chdir(elsewhere)
    report = checked("--diff-base", "main", "--config", "logshift.toml", str(git.root))
    assert [one["line"] for one in report["findings"]] == [5]
    assert [one["line"] for one in checked("--diff-base", "main", str(git.root / "a.py"))["findings"]] == [5]


def test_attributes_that_hide_a_change_hide_nothing(branch, checked):
    git = branch({"a.py": OLD, ".gitattributes": "*.py -diff\n"})
    (git.root / "a.py").write_text(OLD + MORE)
    assert counted(checked("--diff-base", "main")) == ["a.py:5"]


def test_lines_are_counted_as_git_counts_them(branch, checked):
    git = branch({"a.py": "x = 1\r" * 3 + OLD})
    (git.root / "a.py").write_bytes(("x = 1\r" * 3 + OLD + MORE).encode())
    assert counted(checked("--diff-base", "main")) == ["a.py:8"]


def test_file_of_another_name_that_is_given_is_looked_at_too(branch, checked):
    git = branch({"tool": OLD})
    (git.root / "tool").write_text(OLD + MORE)
    assert counted(checked("--diff-base", "main", "tool")) == ["tool:5"]


def test_known_findings_stay_known_on_added_lines(branch, checked, logshift):
    git = branch({"a.py": OLD})
    (git.root / "a.py").write_text(OLD + MORE)
    logshift("baseline", "create")
    assert checked("--diff-base", "main")["status"] == 0


# -- where git cannot say ----------------------------------------------------------------------------------


def refused(logshift, revision="main"):
    told = logshift("check", "--diff-base", revision)
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith("logshift: --diff-base: ")
    return told.err


def test_outside_of_a_repository_it_says_so(project, logshift, monkeypatch, git):
    root = project({"a.py": OLD})
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root.parent))
    assert "not a git repository" in refused(logshift)


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "-x", "main:a.py", ""])
def test_unknown_revision_is_told_and_never_taken_for_an_option(branch, logshift, revision):
    git = branch({"a.py": OLD})
    told = logshift("check", f"--diff-base={revision}")
    assert (told.status, told.out) == (2, "")
    assert f"git knows no commit {revision}; name a branch" in told.err
    assert sorted(os.listdir(git.root)) == [".git", "a.py", "pyproject.toml"]


def test_repository_without_a_commit_is_told(project, git, logshift):
    git(project({"a.py": OLD}), "init", "-q", "-b", "main")
    assert "has no commit yet" in refused(logshift)


def test_branches_without_a_common_commit_are_told(branch, logshift):
    git = branch({"a.py": OLD})
    git("switch", "-q", "--orphan", "lonely")
    git("commit", "-qm", "x", "--allow-empty")
    assert "main and HEAD have no commit in common" in refused(logshift)


def test_shallow_clone_says_what_to_fetch(branch, logshift, monkeypatch, tmp_path_factory, git):
    made = branch({"a.py": OLD})
    made("commit", "-qm", "work", "--allow-empty")
    made("switch", "-q", "main")
    made("commit", "-qm", "main", "--allow-empty")
    clone = tmp_path_factory.mktemp("clone") / "clone"
    done = git(
        made.root, "clone", "-q", "--depth=1", "--no-single-branch", f"file://{made.root}", str(clone), "-b", "work"
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(clone)
    assert "lacks the commit where the branch left origin/main; `git fetch --unshallow` brings it" in refused(
        logshift, "origin/main"
    )
    assert "the clone is shallow: `git fetch --unshallow`" in refused(logshift, "HEAD~5")
    assert git(clone, "fetch", "-q", "--unshallow").returncode == 0
    assert logshift("check", "--diff-base", "origin/main").status == 0


def test_machine_without_git_is_told(project, logshift, monkeypatch, tmp_path):
    project({"a.py": OLD})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is needed to know what a branch adds, and is not installed" in refused(logshift)
