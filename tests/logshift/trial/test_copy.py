"""The scratch copy: tests write in it and nowhere else, and it is gone afterwards, whatever happened."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

import logshift
from logshift.trial import scratch
from logshift.trial.scratch import scratch_copy

PACKAGES = Path(logshift.__file__).parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-q")


def state(root):
    """Return what can be told of every entry: bytes, size, time, permissions; links as links."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            if path.is_symlink():
                content = os.readlink(path)
            elif path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                content = ""
            found[str(path)] = (content, status.st_mtime_ns, status.st_mode, status.st_nlink)
    return found


def runs(process):
    """Say whether a process runs; one that has ended may stay listed until somebody asks for its status."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    told = Path(f"/proc/{process}/stat")
    return not told.exists() or told.read_text().rpartition(")")[2].split()[0] != "Z"


WRITES = """\
import os
from pathlib import Path
import app.jobs

HERE = Path(__file__).parent


def test_writes():
    app.jobs.work(1)
    assert not (HERE / "new").exists()  # each run has a copy of its own
    (HERE / "new").write_text("x")
    (HERE / "data.txt").write_text("overwritten")
    with open(Path(app.jobs.__file__).parent / "__init__.py", "a") as file:
        file.write("x = 1\\n")
    (HERE / "linked" / "inside.txt").write_text("through a link")
    (HERE / "outside" / "far.txt").write_text("through a link out of the project")
    (HERE / "file.txt").write_text("through a link to a file")
    (HERE / "locked").mkdir()
    (HERE / "locked" / "file").write_text("")
    (HERE / "locked").chmod(0o500)
"""


def test_tests_that_write_leave_the_project_as_it_was(project, sources, prove, tmp_path_factory):
    root = project({**sources, "tests/test_jobs.py": WRITES, "tests/data.txt": "mine", "data/inside.txt": "mine"})
    far = tmp_path_factory.mktemp("far")
    (far / "far.txt").write_text("mine")
    (root / "tests/linked").symlink_to("../data")
    (root / "tests/file.txt").symlink_to(root / "data/inside.txt")
    (root / "tests/outside").symlink_to(far)
    before = state(root), state(far)
    status, trial, _ = prove("app", command=PYTEST)
    assert status == 0, trial
    assert (state(root), state(far)) == before
    assert trial["notes"] == []


def test_keep_leaves_the_copy_and_says_where(project, sources, prove, inner):
    project(sources)
    status, trial, _ = prove("app", "--runs", "1", "--keep", command=PYTEST)
    assert status == 0
    (kept,) = inner.iterdir()
    assert trial["kept"] == str(kept)
    assert "UniversalFrameworkLogger" in next(kept.glob("project/*/app/jobs.py")).read_text()
    scratch.remove(str(kept))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_removes_the_copy_and_ends_the_tests(project, sources, inner, tmp_path_factory, number):
    slow = "import os, time\nimport app.jobs\n\n\ndef test_slow():\n    open(os.environ['STARTED'], 'w').write(str(os.getpid()))\n    time.sleep(60)\n"
    root = project({**sources, "tests/test_jobs.py": slow})
    before = state(root)
    started = tmp_path_factory.mktemp("note") / "started"
    command = [sys.executable, "-P", "-m", "logshift", "prove", "app", "--", *PYTEST]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "STARTED": str(started), "PYTHONPATH": f"{PACKAGES}{os.pathsep}{os.environ['PYTHONPATH']}"},
    ) as process:  # fmt: skip
        while process.poll() is None and not (started.exists() and started.read_text()):
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("interrupted\n")
    assert list(inner.iterdir()) == []
    assert state(root) == before
    assert not runs(started.read_text())


def test_full_disk_is_told_and_leaves_nothing(project, sources, logshift, inner, monkeypatch):
    root = project(sources)
    before = state(root)

    def full(source, target, **_):
        raise OSError(errno.ENOSPC, "No space left on device", target)

    monkeypatch.setattr(scratch, "copy_file", full)
    told = logshift("prove", "app", "--", *PYTEST)
    assert (told.status, told.out) == (2, "")
    assert "No space left on device; your files are as they were" in told.err
    assert list(inner.iterdir()) == []
    assert state(root) == before


def test_what_a_command_leaves_running_is_ended(project, sources, prove, tmp_path_factory):
    note = tmp_path_factory.mktemp("note") / "pid"
    leaves = f"import subprocess\nimport app.jobs\n\n\ndef test_it():\n    app.jobs.work(0)\n    open({str(note)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid))\n"
    project({**sources, "tests/test_jobs.py": leaves})
    assert prove("app", "--runs", "1", command=(sys.executable, "-m", "pytest", "-q", "-W", "ignore"))[0] == 0
    assert not runs(note.read_text())


# -- how the project is found by its tests -----------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch):
    """Leave of PYTHONPATH what is not the project's."""
    if (given := os.environ.get("PYTHONPATH")) is not None:
        monkeypatch.setenv("PYTHONPATH", given.partition(os.pathsep)[2])


@pytest.fixture
def environment(tmp_path, bare):
    """Make a virtual environment in a folder of the project, with the libraries of this one; return its libraries."""

    def make(folder):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (library,) = (tmp_path / folder).glob("lib/*/site-packages")
        (library / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
        return library

    return make


FROM_COPY = """\
import os
import app.jobs


def test_it():
    app.jobs.work(0)
    assert os.path.dirname(os.path.dirname(__file__)) in app.jobs.__file__
"""


def finder(package):
    """Return what setuptools writes for an editable install of one package, in essence."""
    return f"""\
import sys
from importlib.machinery import PathFinder
from importlib.util import spec_from_file_location

MAPPING = {{"app": {package!r}}}
NAMESPACES = {{}}


class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in MAPPING:
            return spec_from_file_location(name, MAPPING[name] + "/__init__.py", submodule_search_locations=[MAPPING[name]])
        return None


def install():
    sys.meta_path.append(Finder)
"""


def redirector(package):
    """Return a finder that keeps its mapping to itself, as that of the package `editables` does."""
    return finder(package).replace("name in MAPPING", 'name == "app"').replace("MAPPING[name]", repr(package)).replace("MAPPING", "HIDDEN")  # fmt: skip


@pytest.mark.parametrize("kind", ["path", "finder", "redirector"])
@pytest.mark.parametrize("where", [".venv", "outside"])
def test_editable_install_leads_into_the_copy(project, sources, prove, environment, tmp_path_factory, kind, where):
    files = {name.replace("app/", "lib/app/"): text for name, text in sources.items()}
    root = project({**files, "tests/test_jobs.py": FROM_COPY})
    folder = ".venv" if where == ".venv" else str(tmp_path_factory.mktemp("outside") / "env")
    library = environment(folder)
    if kind == "path":
        (library / "_app.pth").write_text(f"{root}/lib\n")
    else:
        name = "__editable___app_finder" if kind == "finder" else "_editable_impl_app"
        (library / f"{name}.py").write_text((finder if kind == "finder" else redirector)(f"{root}/lib/app"))
        (library / "_app.pth").write_text(f"import {name}; {name}.install()\n")
    before = state(root)
    python = f"{folder}/bin/python"
    status, trial, _ = prove("lib", "--runs", "1", command=(python, "-m", "pytest", "-q"))
    assert status == 0, trial
    assert trial["files_imported"] == ["lib/app/jobs.py"]
    assert state(root) == before


def test_what_is_installed_into_a_virtual_environment_goes_into_its_shadow(project, sources, prove, environment):
    root = project({**sources, "tests/test_jobs.py": FROM_COPY})
    library = environment(".venv")
    script = root / ".venv/bin/tests"
    script.write_text(
        f"#!{root}/.venv/bin/python\nimport os, sys, sysconfig\n"
        "assert os.getcwd() in sys.prefix, sys.prefix\n"
        "open(sysconfig.get_path('purelib') + '/installed.py', 'w').close()\n"
        "import pytest\nsys.path.insert(0, '.')\nsys.exit(pytest.main(['-q']))\n"
    )
    script.chmod(0o755)
    before = state(root)
    status, trial, _ = prove("app", "--runs", "1", command=(".venv/bin/tests",))
    assert status == 0, trial
    assert state(root) == before
    assert not (library / "installed.py").exists()


def test_activated_environment_of_the_project_is_the_shadow(project, sources, prove, environment, monkeypatch):
    root = project({**sources, "tests/test_jobs.py": FROM_COPY})
    environment(".venv")
    monkeypatch.setenv("PATH", f"{root}/.venv/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("VIRTUAL_ENV", f"{root}/.venv")
    check = "import os, sys; assert os.environ['VIRTUAL_ENV'] == sys.prefix == os.getcwd() + '/.venv', sys.prefix; import app.jobs"
    assert prove("app", "--runs", "1", command=("python", "-c", check))[0] == 0


def test_src_layout_is_found_by_path(project, sources, prove, bare, monkeypatch):
    files = {name.replace("app/", "src/app/"): text for name, text in sources.items()}
    root = project(files)
    monkeypatch.setenv("PYTHONPATH", f"{root}/src{os.pathsep}{os.environ['PYTHONPATH']}")
    status, trial, _ = prove("src", "--runs", "1", command=PYTEST)
    assert (status, trial["files_imported"]) == (0, ["src/app/jobs.py"])


def test_installed_copy_that_the_tests_import_proves_nothing(
    project, sources, prove, bare, tmp_path_factory, monkeypatch
):
    installed = tmp_path_factory.mktemp("installed")
    files = {name.replace("app/", "src/app/"): text for name, text in sources.items()}
    root = project(files)
    shutil.copytree(root / "src/app", installed / "app")
    monkeypatch.setenv("PYTHONPATH", f"{installed}{os.pathsep}{os.environ['PYTHONPATH']}")
    status, trial, _ = prove("src", "--runs", "1", command=PYTEST)
    assert status == 3
    assert "if it tests an installed copy of them" in trial["hindered"]


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ("import sys\nsys.path.insert(0, ROOT)\nimport app.jobs\n", 0),
        (
            "import importlib.util as util\nspec = util.spec_from_file_location('jobs', ROOT + '/app/jobs.py')\nimport sys\nsys.modules['jobs'] = util.module_from_spec(spec)\nspec.loader.exec_module(sys.modules['jobs'])\n",
            3,
        ),
    ],
)
def test_project_that_is_imported_past_the_copy_proves_nothing(project, sources, prove, imports, expected):
    root = project(sources)
    hidden = f"ROOT = bytes.fromhex('{os.path.realpath(root).encode().hex()}').decode()\n"
    project({**sources, "stray.py": hidden + imports})
    status, trial, _ = prove("app", "--runs", "1", command=(sys.executable, "stray.py"))
    assert status == expected
    if expected:
        assert "from the project itself, not from the copy" in trial["hindered"]


def test_command_runs_where_the_person_stands(project, sources, prove, monkeypatch):
    root = project(sources)
    monkeypatch.chdir(root / "tests")
    monkeypatch.setenv("PWD", str(root / "tests"))
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{os.environ['PYTHONPATH']}")
    status, trial, _ = prove("../app", "--runs", "1", command=(*PYTEST, "test_jobs.py"))
    assert (status, trial["tests_passed"]) == (0, 2)


# -- what is copied ------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(project, inner):
    """Copy a project and return what `look` sees in the copy where runs find it."""

    def run(files, look, prepare=lambda _: None):
        root = project(files)
        prepare(root)
        with scratch_copy(os.path.realpath(root), ()) as copy:
            copy.renew()
            seen = look(Path(copy.project), copy)
        assert list(inner.iterdir()) == []
        return seen

    return run


def test_what_is_ignored_by_git_is_copied_and_caches_are_not(copied):
    files = {
        ".gitignore": "*.so\n",
        "a.so": b"\0",
        "__pycache__/a.pyc": "",
        ".tox/x": "",
        "node_modules/x": "",
        ".env": "A=1",
    }

    def look(project, _):
        return {path.name for path in project.iterdir()}

    assert copied(files, look) == {".gitignore", "a.so", ".env", "pyproject.toml"}


@pytest.mark.needs("git")
def test_repository_is_there_with_borrowed_objects(copied, git_identity):
    def prepare(root):
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
            subprocess.run(["git", *git_identity, *command], cwd=root, check=True)

    def look(project, _):
        def git(*command):
            done = subprocess.run(
                ["git", *git_identity, *command], cwd=project, capture_output=True, text=True, check=True
            )
            return done.stdout.strip()

        (project / "b").write_text("new")
        git("add", ".")
        git("commit", "-qm", "two")
        own = list((project / ".git/objects").glob("[0-9a-f][0-9a-f]/*"))
        return git("log", "--format=%s").split(), len(own)

    assert copied({"a": "x"}, look, prepare) == (["two", "one"], 3)
    assert subprocess.run(["git", "log", "--format=%s"], capture_output=True, text=True, check=True).stdout == "one\n"


@pytest.fixture
def git_identity():
    """Return options of git that stand for a person."""
    return ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


@pytest.mark.needs("git")
def test_linked_worktree_becomes_a_repository_of_its_own(project, inner, git_identity, tmp_path_factory):
    root = project({"a": "x"})
    tree = tmp_path_factory.mktemp("trees") / "tree"
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["worktree", "add", "-q", str(tree)]):
        subprocess.run(["git", *git_identity, *command], cwd=root, check=True)
    before = state(root)
    with scratch_copy(os.path.realpath(tree), ()) as copy:
        copy.renew()
        (Path(copy.project) / "b").write_text("")
        for command in (["add", "."], ["commit", "-qm", "two"]):
            subprocess.run(["git", *git_identity, *command], cwd=copy.project, check=True)
    assert state(root) == before


def test_links_stay_inside_the_copy(copied, tmp_path_factory):
    far = tmp_path_factory.mktemp("far")
    (far / "deep").mkdir()
    (far / "deep" / "file").write_text("far")

    def prepare(root):
        (root / "relative").symlink_to("a")
        (root / "absolute").symlink_to(root / "a")
        (root / "far").symlink_to(far)
        (root / "around").symlink_to(root.parent)
        (root / "nowhere").symlink_to("missing")
        (far / "back").symlink_to(root / "a")
        (far / "loop").symlink_to(far)

    def look(project, copy):
        for path in (project / "relative", project / "absolute", project / "far" / "back"):
            assert path.resolve() == project / "a"
        assert not (project / "far").is_symlink()
        assert (project / "far/deep/file").read_text() == "far"
        assert (project / "nowhere").is_symlink()
        return sorted(note.rpartition("/")[2] for note in copy.notes), (project / "around").exists()

    notes, around = copied({"a": "x"}, look, prepare)
    assert not around
    assert [note.partition(" ")[0] for note in notes] == ["around", "loop"]


def test_pipes_and_sockets_are_left_out(copied):
    def look(project, _):
        return (project / "pipe").exists()

    assert not copied({}, look, lambda root: os.mkfifo(root / "pipe"))


def test_times_and_permissions_are_copied(copied):
    def prepare(root):
        (root / "a").chmod(0o750)
        os.utime(root / "a", ns=(10**18, 10**18))

    def look(project, _):
        status = (project / "a").stat()
        return status.st_mode & 0o777, status.st_mtime_ns

    assert copied({"a": "x"}, look, prepare) == (0o750, 10**18)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{original}/a", "{copy}/a"),
        ("--rootdir={original}", "--rootdir={copy}"),
        ("/usr/bin:{original}/bin:{original}", "/usr/bin:{copy}/bin:{copy}"),
        ("{original}-other/a", "{original}-other/a"),
        ("{original}.bak", "{original}.bak"),
        ("/mnt{original}/a", "/mnt{original}/a"),
        ("{original}/.tox/x", "{original}/.tox/x"),
        ("{original}/.toxic", "{copy}/.toxic"),
    ],
)
def test_paths_in_text_lead_into_the_copy(copied, text, expected):
    def look(_, copy):
        names = {"original": copy.original, "copy": copy.project}
        return copy.text_into_copy(text.format(**names)), expected.format(**names)

    found, wanted = copied({".tox/x": ""}, look)
    assert found == wanted
