"""What a trial finds: the same, or what differs by test and by place; and what it separates from that."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest

import logshift
from logshift.trial import place_of

HOOK = Path(logshift.__file__).parent / "trial" / "hook"

PYTEST = (sys.executable, "-m", "pytest", "-q")
SCRIPT = (sys.executable, "main.py")
MAIN = """\
import logging
import sys

logging.basicConfig(level=logging.INFO)
logger = logging.getLogger(__name__)
logger.info("started")
try:
    {}["x"]
except KeyError:
    logger.exception("failed", extra={"key": "x"})
sys.exit(0)
"""
STRUCTLOG = """\
import structlog

structlog.configure(processors=[structlog.processors.JSONRenderer()])
log = structlog.get_logger("shop")


def buy(n):
    log.bind(cart=1).info("bought", n=n)
"""

#: Targets that a person might write, each with one mistake.
TARGET = """\
import logging

class Mine:
    def __init__(self, component, *, name=None, via=None):
        self._logger = logging.getLogger(name or "app.jobs")

    def __getattr__(self, name):
        return getattr(self._logger, name)

"""
SWALLOWS = "    def info(self, msg, *args, **kw):\n        pass\n"
RAISES = "    def warning(self, msg, *args, **kw):\n        raise RuntimeError('not ready')\n"
LOUDER = "    def info(self, msg, *args, **kw):\n        self._logger.warning(msg, *args, stacklevel=2, **kw)\n"
IS_THE_CALLER = "    def info(self, msg, *args, **kw):\n        self._logger.info(msg, *args, **kw)\n"
DROPS_FIELDS = "    def info(self, msg, *args, extra=None):\n        self._logger.info(msg, *args, stacklevel=2)\n"
RENAMES = "    def info(self, msg, *args, **kw):\n        logging.getLogger('x').info(msg, *args, stacklevel=2, **kw)\n"
REWORDS = "    def info(self, msg, *args, **kw):\n        self._logger.info('w ' + msg, *args, stacklevel=2, **kw)\n"
TWICE = "    def info(self, msg, *args, **kw):\n        for _ in '12':\n            self._logger.info(msg, *args, stacklevel=2, **kw)\n"
RIGHT = "    def info(self, msg, *args, **kw):\n        self._logger.info(msg, *args, stacklevel=2, **kw)\n"
CONFIG = "[tool.logshift.target]\nmodule = 'app.mine'\nclass = 'Mine'\n"


def with_target(sources, mistake):
    return {**sources, "app/mine.py": TARGET + mistake, "pyproject.toml": CONFIG}


def test_right_migration_is_the_same(project, sources, prove):
    project(sources)
    status, trial, err = prove("app")
    assert status == 0
    assert (trial["verdict"], trial["tests_passed"], trial["tests_lost"], trial["differences"]) == ("same", 2, [], [])
    assert trial["events"] == 2  # what the level lets pass
    assert trial["files_imported"] == trial["files_changed"] == ["app/jobs.py"]
    assert "before the migration, run 2: 2 of 2 tests pass" in err


def test_right_target_of_another_team_is_the_same(project, sources, prove):
    project(with_target(sources, RIGHT))
    assert prove("app/jobs.py")[0] == 0


@pytest.mark.parametrize(
    ("mistake", "kind", "what"),
    [
        (SWALLOWS, "missing", []),
        (LOUDER, "changed", ["level"]),
        (IS_THE_CALLER, "changed", ["function", "file"]),
        (DROPS_FIELDS, "changed", ["field n"]),
        (RENAMES, "changed", ["logger"]),
        (REWORDS, "changed", ["message"]),
        (TWICE, "new", []),
    ],
    ids=["swallows", "louder", "is the caller", "drops fields", "renames", "rewords", "twice"],
)
def test_wrong_target_is_told_by_test_and_place(project, sources, prove, mistake, kind, what):
    sources = with_target(sources, mistake)
    sources["tests/test_jobs.py"] = sources["tests/test_jobs.py"].replace('assert "work 1" in caplog.text', "")
    project(sources)
    status, trial, _ = prove("app/jobs.py", "--runs", "1")
    assert (status, trial["verdict"], trial["tests_lost"]) == (1, "different", [])
    (difference,) = [
        one for one in trial["differences"] if one["tests"] == ["tests/test_jobs.py::test_says_what_it_does"]
    ]
    assert (difference["kind"], difference["what"]) == (kind, what)
    if kind != "new":
        assert difference["place_before"] == "app/jobs.py:7"
    if kind == "missing":
        assert difference["place_after"] == "app/jobs.py:7"
        assert difference["before"]["message"] == "work 1"


def test_lost_test_is_told_with_its_reason(project, sources, logshift):
    project(with_target(sources, RAISES))
    told = logshift("prove", "app/jobs.py", "--runs", "1", "--", sys.executable, "-m", "pytest", "-q")
    assert told.status == 1
    assert "tests/test_jobs.py::test_warns lost RuntimeError: not ready" in told.out
    assert "2 tests before: 1 pass after, 1 lost." in told.out
    assert told.out.splitlines()[-1].startswith("Different: ")


def test_difference_is_told_with_both_places(project, sources, logshift):
    sources = with_target(sources, LOUDER)
    sources["app/jobs.py"] = (
        sources["app/jobs.py"].replace("import logging\n", "import logging\nimport os\n") + "os.getpid()\n"
    )
    project(sources)
    told = logshift("prove", "app/jobs.py", "--runs", "1", "--", sys.executable, "-m", "pytest", "-q")
    assert "app/jobs.py:8 → 9 changed level: INFO → WARNING" in told.out
    assert "1 × in tests/test_jobs.py::test_says_what_it_does" in told.out


def test_events_alone_are_left_out_on_request(project, sources, prove):
    project(with_target(sources, LOUDER))
    status, trial, _ = prove("app/jobs.py", "--no-events", "--runs", "1")
    assert (status, trial["events_compared"], trial["events"]) == (0, False, 0)


def test_configured_structlog_is_compared_with_its_fields(project, prove):
    project(
        {
            "shop.py": STRUCTLOG,
            "test_shop.py": "import logging, shop\n\ndef test_it():\n    shop.buy(2)\n    logging.warning('root')\n",
        }
    )
    status, trial, _ = prove("shop.py", "--runs", "1")
    assert status == 0
    assert trial["events"] == 2


def test_structlogs_default_may_fall_silent_below_warnings_and_is_told(project, prove):
    log = "import structlog\n\nlog = structlog.get_logger()\n\n\ndef go():\n    log.info('low')\n    log.warning('high', a=1)\n"
    project({"app.py": log, "test_app.py": "import app\n\ndef test_it():\n    app.go()\n"})
    status, trial, _ = prove("app.py", "--runs", "1")
    assert (status, trial["silent_places"], trial["events"]) == (0, ["app.py:7"], 2)
    assert any("structlog.configure" in note for note in trial["notes"])


def test_warning_of_structlogs_default_must_not_fall_silent(project, prove):
    log = "import structlog\n\nlog = structlog.get_logger()\n\n\ndef go():\n    log.warning('high', a=1)\n"
    target = "class Mine:\n    def __init__(self, component, **_): pass\n    def warning(self, *_, **__): pass\n"
    config = "[tool.logshift.target]\nmodule = 'mine'\nclass = 'Mine'\n"
    project(
        {
            "app.py": log,
            "mine.py": target,
            "pyproject.toml": config,
            "test_app.py": "import app\n\ndef test_it():\n    app.go()\n",
        }
    )
    status, trial, _ = prove("app.py", "--runs", "1")
    assert status == 1
    assert [(one["kind"], one["place_before"]) for one in trial["differences"]] == [("missing", "app.py:7")]


FLAKY = """\
import os
from app.jobs import work


def count(name):
    with open(os.path.join(os.environ["COUNTS"], name), "a+") as file:
        file.write(".")
    return os.path.getsize(os.path.join(os.environ["COUNTS"], name))


def test_steady():
    work(1)


def test_never():
    work(0)
    assert False


def test_fails_the_second_time():
    work(0)
    assert count("second") != 2


def test_fails_the_third_time():
    work(0)
    assert count("third") != 3
"""


def test_unstable_and_failing_tests_are_separated(project, sources, prove, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("COUNTS", str(tmp_path_factory.mktemp("counts")))
    project({**sources, "tests/test_jobs.py": FLAKY})
    status, trial, _ = prove("app")
    assert status == 0
    assert trial["tests_unstable"] == ["tests/test_jobs.py::test_fails_the_second_time", "tests/test_jobs.py::test_fails_the_third_time"]  # fmt: skip
    assert trial["tests_failed"] == ["tests/test_jobs.py::test_never"]
    assert (trial["tests_passed"], trial["runs_before"], trial["runs_after"]) == (2, 2, 2)


VARYING = """\
import logging
import os
import tempfile
import time
import uuid

logger = logging.getLogger(__name__)


def work(items):
    path = tempfile.mkdtemp()
    logger.warning("took %.9f s in %s by %s for %r", time.perf_counter(), path, os.getpid(), object())
    logger.warning(f"request {uuid.uuid4()}", extra={"id": uuid.uuid4(), "at": time.time(), "items": items})
"""


def test_what_varies_by_run_is_no_difference(project, prove):
    project({"app.py": VARYING, "test_app.py": "import app\n\ndef test_it():\n    app.work({'a', 'b'})\n"})
    assert prove("app.py")[0] == 0


def test_steady_part_of_what_varies_is_compared(project, prove):
    target = TARGET.replace("app.jobs", "app") + (
        "    def warning(self, msg, *args, **kw):\n"
        "        self._logger.warning(msg.replace('request', 'reply'), *args, stacklevel=2, **kw)\n"
    )
    config = "[tool.logshift.target]\nmodule = 'mine'\nclass = 'Mine'\n"
    project({"app.py": VARYING, "mine.py": target, "pyproject.toml": config,
             "test_app.py": "import app\n\ndef test_it():\n    app.work({'a', 'b'})\n"})  # fmt: skip
    status, trial, _ = prove("app.py")
    assert status == 1
    assert [(one["what"], one["place_before"]) for one in trial["differences"]] == [(["message"], "app.py:13")]


# -- ways to run tests ---------------------------------------------------------------------------------------------

UNITTEST = """\
import unittest
from app.jobs import work


class TestJobs(unittest.TestCase):
    def test_says(self):
        with self.assertLogs("app.jobs", "INFO"):
            work(1)

    def test_warns(self):
        for n in (0, 0):
            with self.subTest(n=n):
                self.assertEqual(work(n), 0)

    @unittest.skip("later")
    def test_later(self):
        pass

    @unittest.expectedFailure
    def test_known(self):
        self.fail()
"""


def test_unittest_says_which_tests_pass_and_what_they_report(project, sources, prove):
    project({**sources, "tests/__init__.py": "", "tests/test_jobs.py": UNITTEST})
    status, trial, _ = prove("app", command=(sys.executable, "-m", "unittest", "-q"))
    assert (status, trial["tests_passed"]) == (0, 2)
    assert trial["tests_failed"] == ["tests.test_jobs.TestJobs.test_known", "tests.test_jobs.TestJobs.test_later"]


def test_unittest_that_is_lost_is_told(project, sources, prove):
    project({**with_target(sources, SWALLOWS), "tests/__init__.py": "", "tests/test_jobs.py": UNITTEST})
    status, trial, _ = prove("app/jobs.py", "--runs", "1", command=(sys.executable, "-m", "unittest", "-q"))
    assert status == 1
    assert [(one["name"], one["why"][:14]) for one in trial["tests_lost"]] == [("tests.test_jobs.TestJobs.test_says", "AssertionError")]  # fmt: skip


def test_script_is_compared_by_exit_status_and_events(project, prove):
    project({"main.py": MAIN})
    status, trial, _ = prove("main.py", "--runs", "1", command=SCRIPT)
    assert (status, trial["events"], trial["tests_passed"]) == (0, 2, 0)


def test_script_that_ends_otherwise_is_different(project, prove):
    raising = "class Mine:\n    def __init__(self, component, **_): raise RuntimeError('not ready')\n"
    config = "[tool.logshift.target]\nmodule = 'mine'\nclass = 'Mine'\n"
    project({"main.py": MAIN, "mine.py": raising, "pyproject.toml": config})
    status, trial, _ = prove("main.py", "--runs", "1", command=SCRIPT)
    assert (status, trial["exit_status_before"], trial["exit_status_after"]) == (1, 0, 1)
    assert "not ready" in trial["output"]


def test_loguru_as_the_target_is_recorded(project, sources, prove):
    pytest.importorskip("loguru")
    mine = (
        "from loguru import logger\n\n\nclass Mine:\n    def __init__(self, component, **_):\n        pass\n\n"
        "    def info(self, msg, *args, extra=()):\n        pass\n\n"
        "    def warning(self, msg, *args):\n        logger.opt(depth=1).warning(msg.upper())\n"
    )
    project({**sources, "app/mine.py": mine, "pyproject.toml": CONFIG})
    status, trial, _ = prove("app/jobs.py", "--runs", "1", command=(*PYTEST, "-k", "warns"))
    assert status == 1
    assert [(one["what"], one["after"]["message"]) for one in trial["differences"]] == [(["message"], "NOTHING TO DO")]


def test_workers_of_xdist_are_recorded(project, sources, prove):
    pytest.importorskip("xdist")
    project(sources)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "2")
    status, trial, _ = prove("app", "--runs", "1", command=command)
    assert (status, trial["tests_passed"], trial["events"]) == (0, 2, 2)


def test_pytest_inside_another_command_is_reached(project, sources, prove):
    project({**sources, "run.sh": f"exec '{sys.executable}' -m pytest -q\n"})
    status, trial, _ = prove("app", "--runs", "1", command=("sh", "run.sh"))
    assert (status, trial["tests_passed"]) == (0, 2)


def test_events_of_a_test_s_child_process_are_its_own(project, sources, prove):
    child = "import subprocess, sys\n\n\ndef test_child():\n    subprocess.run([sys.executable, '-c', 'import app.jobs; app.jobs.work(0)'], check=True)\n"
    project({**with_target(sources, "    def warning(self, *_, **__):\n        pass\n"), "tests/test_jobs.py": child})
    status, trial, _ = prove("app/jobs.py", "--runs", "1")
    assert status == 1
    assert [one["tests"] for one in trial["differences"]] == [["tests/test_jobs.py::test_child"]]


def test_pytest_inside_a_test_is_a_part_of_that_test(project, sources, prove):
    inside = (
        "import os, subprocess, sys\nfrom app.jobs import work\n\n\ndef test_outer():\n    if 'INSIDE' not in os.environ:\n"
        "        command = [sys.executable, '-m', 'pytest', '-q', __file__]\n"
        "        subprocess.run(command, check=True, env={**os.environ, 'INSIDE': '1'})\n    work(1)\n"
    )
    project({**sources, "tests/test_jobs.py": inside})
    status, trial, _ = prove("app", "--runs", "1")
    assert (status, trial["tests_passed"]) == (0, 1)


def test_sitecustomize_of_the_user_is_loaded_too(project, sources, prove):
    project({**sources, "sitecustomize.py": "import sys\nsys.mine = 1\n",
             "tests/test_jobs.py": "import sys\nimport app.jobs\n\n\ndef test_it():\n    assert sys.mine == 1\n"})  # fmt: skip
    assert prove("app", "--runs", "1")[0] == 0


@pytest.mark.parametrize("path", sorted(HOOK.glob("*.py")), ids=lambda path: path.name)
def test_what_tested_interpreters_load_is_syntax_of_python_3_8_and_imports_next_to_nothing(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {"atexit", "marshal", "os", "sys", "_logshift_recorder", "pytest"}


# -- where nothing is proved -------------------------------------------------------------------------------------


def test_command_that_fails_before_is_told_with_its_last_words(project, sources, logshift):
    project({**sources, "tests/test_jobs.py": "import nowhere\n"})
    told = logshift("prove", "app", "--", sys.executable, "-m", "pytest", "-q")
    assert told.status == 3
    assert "No module named 'nowhere'" in told.out
    assert "Nothing is proved: the command fails before the migration (exit status 2)." in told.out


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("sh", "-c", "sleep 60"), "took longer than 1 seconds"),
        (("true",), "starts no Python, or one that ignores PYTHONPATH"),
        ((sys.executable, "-I", "-c", ""), "starts no Python, or one that ignores PYTHONPATH"),
        ((sys.executable, "-c", ""), "imports none of the files that the migration changes (app/jobs.py)"),
        ((sys.executable, "-c", "raise SystemExit(7)"), "exit status 7"),
        ((sys.executable, "-m", "pytest", "-q", "-k", "nothing"), "exit status 5"),
    ],
)
def test_command_that_shows_nothing_proves_nothing(project, sources, prove, command, why):
    project(sources)
    timeout = ("--timeout", "1") if "sleep" in str(command) else ()
    status, trial, _ = prove("app", *timeout, command=command)
    assert (status, trial["verdict"]) == (3, "hindered")
    assert why in trial["hindered"]


def test_nothing_to_migrate_runs_nothing(project, prove):
    project({"app.py": "x = 1\n"})
    assert prove("app.py", command=("false",))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["app"], "say the command that runs your tests after `--`"),
        (["app", "--"], "say the command that runs your tests after `--`"),
        (["app", "--runs", "0", "--", "true"], "--runs"),
        (["app", "--timeout", "0", "--", "true"], "--timeout"),
        (["nowhere", "--", "true"], "no such file or folder: nowhere"),
        (["app", "--", "./no-such-program"], "./no-such-program: No such file or directory"),
    ],
)
def test_wrong_command_line_is_told(project, sources, logshift, inner, arguments, why):
    project(sources)
    told = logshift("prove", *arguments)
    assert told.status == 2
    assert why in told.err
    assert list(inner.iterdir()) == []


def test_migration_whose_target_is_not_installed_is_told_so(project, sources, prove):
    project({**sources, "pyproject.toml": "[tool.logshift.target]\nmodule = 'house.logs'\nclass = 'Log'\n"})
    status, trial, _ = prove("app", "--runs", "1")
    assert status == 1
    assert "house.logs cannot be imported where the command runs: install what brings it there" in trial["notes"]


def test_home_is_too_much_to_copy(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="too much to copy"):
        place_of(str(tmp_path), ["."])


def test_repository_around_the_project_is_copied_with_it(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    (tmp_path / "part").mkdir()
    monkeypatch.chdir(tmp_path / "part")
    assert place_of(str(tmp_path / "part"), ["."]).folder == os.path.realpath(tmp_path)
