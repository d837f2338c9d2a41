"""What goes where: results on stdout, notes on stderr, colour on terminals; and readers who have gone."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from logshift import __version__
from logshift.cli import app
from logshift.cli.check import FORMATS, OPTIONS

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals, pipes and names")

ESCAPE = "\033["


@pytest.fixture
def mixed(project, sources):
    """Return a project with something of every kind."""
    return project({f"{kind}.py": source for kind, source in sources.items()})


# -- stdout and stderr -------------------------------------------------------------------------------------


def test_findings_are_told_on_stdout_and_nothing_on_stderr(mixed, logshift):
    told = logshift("check")
    assert told.err == ""
    assert re.findall(r"^(\S+) (LS\d+) \[(\w+)\]", told.out, re.MULTILINE) == [
        ("manual.py:3:10", "LS101", "manual"),
        ("movable.py:3:10", "LS101", "safe"),
    ]
    assert "broken.py:3:27 not analysed syntax error" in told.out


def test_statistics_are_the_figures_alone(mixed, logshift):
    told = logshift("check", "--statistics")
    assert "LS101" not in told.out
    assert "2 legacy loggers in 3 files; 2 findings (1 safe, 1 manual)." in told.out


COMMANDS = [
    ("check", "check"),
    ("check --statistics --exit-zero --force-exclude", "check"),
    ("migrate --diff", "migrate"),
    ("migrate", "migrate"),
    ("migrate .", "migrate"),
]


@pytest.mark.parametrize(("command", "kind"), COMMANDS)
def test_json_is_all_that_stdout_holds(mixed, logshift, command, kind):
    told = logshift(*command.split(), "--output-format", "json")
    document = json.loads(told.out)
    assert document["command"] == kind
    assert document["schema_version"] == 1
    assert [one["path"] for one in document["not_analysed"]] == ["broken.py"]
    assert [(one["path"], one["applicability"]) for one in document["findings"]] == [
        ("manual.py", "manual"),
        ("movable.py", "safe"),
    ]
    assert told.out.isascii()
    if command == "migrate --diff":
        assert "broken.py:3:27 not analysed" in told.err
        assert "1 logger would stay" in told.err
        assert document["migration"]["run"] is None
    else:
        assert told.err == ""


def test_json_of_runs_and_rules_is_json(mixed, logshift):
    assert json.loads(logshift("runs", "--output-format", "json").out) == []
    logshift("migrate")
    (run,) = json.loads(logshift("runs", "--output-format", "json").out)
    assert (run["status"], run["files"]) == ("committed", ["movable.py"])
    assert {rule["code"] for rule in json.loads(logshift("rules", "--output-format", "json").out)} >= {"LS101", "LS102"}
    assert json.loads(logshift("config", "schema").out)["title"] == "Config"


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="names have to be UTF-8 there")
def test_names_that_are_not_text_can_be_told(project, process, sources):
    name = os.fsdecode(b"caf\xe9.py")
    project({name: sources["movable"], "b\u00e9.py": sources["movable"]})
    told = process("check")
    assert (told.status, told.err) == (1, "")
    assert "caf\\xe9.py:3:10 LS101" in told.out
    assert "b\u00e9.py:3:10 LS101" in told.out
    told = process("check", "--output-format", "json")
    assert [one["path"] for one in json.loads(told.out)["findings"]] == ["b\u00e9.py", "caf\\xe9.py"]
    told = process("check", os.fsdecode(b"nowhere\xe9"))
    assert told.status == 2
    assert "nowhere\\udce9" in told.err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_stdout_need_not_be_able_to_hold_every_character(project, process, sources, encoding):
    project({"\u00e9/\u4f60.py": sources["movable"]})
    told = process("check", extra={"PYTHONIOENCODING": encoding})
    assert (told.status, told.err) == (1, "")
    told = process("check", "--output-format", "json", extra={"PYTHONIOENCODING": encoding})
    assert json.loads(told.out)["findings"][0]["path"] == "\u00e9/\u4f60.py"


# -- colour ------------------------------------------------------------------------------------------------

COLOUR = [
    ({}, False),
    ({"FORCE_COLOR": "1"}, True),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ({"FORCE_COLOR": ""}, False),
    ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
]


@pytest.mark.parametrize(("extra", "colour"), COLOUR)
def test_colour_goes_to_terminals_unless_the_environment_says_otherwise(mixed, process, extra, colour):
    for command in ("check", "migrate", "explain manual.py"):
        assert (ESCAPE in process(*command.split(), extra=extra).out) == colour


def test_neither_json_nor_a_patch_is_ever_coloured(mixed, process):
    for command in ("check --output-format json", "migrate --diff", "config show", "rules"):
        assert ESCAPE not in process(*command.split(), extra={"FORCE_COLOR": "1"}).out


@pytest.fixture
def on_terminal(start):
    """Run a command whose stdout or stderr is a terminal, and return what that shows."""
    pty = pytest.importorskip("pty")

    def run(*arguments, stream, **settings):
        master, slave = pty.openpty()
        started = start(*arguments, **{stream: slave}, **settings)
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # how Linux says that the other side has closed it
                break
            if not part:
                break
            shown += part
        out, err = started.communicate(timeout=60)
        os.close(master)
        return shown.decode(), (out or err or b"").decode()

    return run


@posix
@pytest.mark.parametrize(
    ("extra", "colour"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_terminal_is_coloured_unless_it_cannot_or_should_not_be(mixed, on_terminal, extra, colour):
    for command in ("check", "migrate"):
        shown, _ = on_terminal(command, stream="stdout", extra=extra)
        assert "legacy logger" in shown or "moved" in shown
        assert (ESCAPE in shown) == colour


# -- progress ----------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    ("number", "stream", "bar"), [(400, "stderr", True), (399, "stderr", False), (400, None, False)]
)
def test_progress_is_shown_on_a_terminal_and_for_long_runs_alone(project, on_terminal, process, number, stream, bar):
    project({f"m{index:03d}.py": "x = 1\n" for index in range(number)})
    if stream is None:
        told = process("check")
        shown, out = told.err, told.out
    else:
        shown, out = on_terminal("check", stream=stream, extra={"TERM": "xterm"})
    assert ("checking" in shown) == bar
    assert ("100%" in shown) == bar
    assert shown == "" or bar
    assert out.startswith(f"0 legacy loggers in {number} files.\n")


# -- readers who have gone, and no reader at all -----------------------------------------------------------


@posix
@pytest.mark.parametrize(
    "command", ["check", "check --output-format json", "migrate --diff", "migrate", "rules", "config show", "--help"]
)
def test_reader_who_has_gone_is_no_error(project, start, sources, command):
    root = project({f"m{index}.py": sources["movable"] for index in range(40)})
    reader, writer = os.pipe()
    os.close(reader)
    started = start(*command.split(), stdout=writer)
    os.close(writer)
    _, err = started.communicate(timeout=60)
    assert (started.returncode, err) == (141, b"")
    if command == "migrate":
        assert all(b"UniversalFrameworkLogger" in path.read_bytes() for path in root.glob("m*.py"))


@posix
@pytest.mark.parametrize("command", ["check", "check --output-format json", "migrate --diff", "migrate", "rollback"])
def test_process_without_stdout_does_its_work(project, sources, command):
    project({"movable.py": sources["movable"]})
    close = f"exec {sys.executable} -P -m logshift {command} >&-"
    done = subprocess.run(["sh", "-c", close], capture_output=True, check=False)
    assert done.stderr == b""
    assert done.returncode == (0 if command in ("migrate", "rollback") else 1)


# -- help --------------------------------------------------------------------------------------------------


def test_help_lists_every_command(logshift):
    told = logshift("--help")
    for name, command in app.main.commands.items():
        assert re.search(
            rf"^  {name} +{re.escape(command.get_short_help_str(20).rstrip('.')[:10])}", told.out, re.MULTILINE
        ), name
    assert told.err == ""


def test_command_without_arguments_says_what_there_is_on_stderr(logshift):
    told = logshift()
    assert (told.status, told.out) == (2, "")
    assert told.err == logshift("--help").out


@pytest.mark.parametrize("name", [*app.main.commands, *(f"config {name}" for name in app.config_group.commands)])
def test_help_of_a_command_lists_every_option(logshift, name):
    told = logshift(*name.split(), "--help")
    assert told.err == ""
    group, _, sub = name.partition(" ")
    command = app.config_group.commands[sub] if sub else app.main.commands[group]
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("-")]
    assert [option for option in [*options, "--help"] if option not in told.out] == []
    assert command.help.split("\n")[0].rstrip(".")[:40] in told.out.replace("\n  ", " ")


def test_help_of_check_says_what_the_table_of_options_says(logshift):
    told = re.sub(r"\s+", " ", logshift("check", "--help").out)
    assert [option.flag for option in OPTIONS if option.flag not in told or option.help not in told] == []
    assert f"[{'|'.join(FORMATS)}]" in told


def test_version(logshift):
    assert logshift("--version").out == f"logshift, version {__version__}\n"


def test_unknown_option_is_told_with_the_nearest_one(logshift):
    told = logshift("check", "--statistic")
    assert re.search(r"No such option:? '?--statistic'?\b.*--statistics", told.err, re.DOTALL)


# -- rules, configuration ----------------------------------------------------------------------------------


def test_rule_is_shown_by_code_or_name(logshift):
    page = logshift("rule", "LS101").out
    assert page == logshift("rule", "ls101").out == logshift("rule", "stdlib-logger").out
    for heading in ("# stdlib-logger (LS101)", "## What it does", "## Why is this bad?", "## Example", "## Fix safety"):
        assert f"{heading}\n" in page
    assert "no rule is called LS999; `logshift rules` lists them" in logshift("rule", "LS999").err


CONFIGURATION = """\
src = ["lib", "caf\u00e9 \\u007f \U0001f600 \\" \\\\"]
exclude = []
extend-exclude = ["a b/"]
respect-gitignore = false
keep-channels = false
[target]
module = "house.log"
class = "Log"
import-style = "relative"
[target.components]
"src/\u00e9 b.py" = "alpha"
[target.contract]
methods = ["info"]
formatting = "none"
fields = false
[[legacy]]
factory = "a.b.Helper"
[[legacy]]
factory = "a.get"
channel = "flow"
[legacy.methods]
not\u00e9 = "info"
"""


@pytest.mark.parametrize("text", ["", CONFIGURATION.replace("not\u00e9", '"not\u00e9"')])
def test_configuration_that_is_shown_is_one_that_can_be_read(project, logshift, text):
    from logshift.config.find import settings_for

    root = project({"logshift.toml": text})
    before = settings_for(())
    told = logshift("config", "show")
    assert told.out.startswith(f"# from {root / 'logshift.toml'}\n# project root: {root}\n")
    (root / "logshift.toml").write_text(told.out, encoding="utf-8")
    assert settings_for(())._replace(digest="") == before._replace(digest="")


def test_configuration_that_is_shown_without_a_file_says_so(project, logshift):
    project({})
    assert logshift("config", "show").out.startswith("# from defaults: no configuration file speaks of logshift\n")
    assert logshift("config", "validate").out == "no configuration file: no problem found\n"


# -- places and paths --------------------------------------------------------------------------------------


def test_paths_after_two_dashes_are_paths(project, logshift, sources):
    project({"-x.py": sources["movable"], "--help": "x = 1\n"})
    assert "-x.py:3:10 LS101" in logshift("check", "--", "-x.py").out
    assert logshift("check", "--", "--help").status == 0
    assert logshift("migrate", "--", "-x.py").status == 0


def test_place_can_be_pasted_from_a_report(project, logshift, sources):
    project({"a.py": sources["movable"], "b:7": sources["movable"]})
    assert "no such file or folder: a\n" in logshift("explain", "a:3").err
    whole = logshift("explain", "a.py").out
    for place in ("a.py:3", "a.py:3:10", "a.py:7", "a.py:3:10:"):
        assert logshift("explain", place).out == whole
    assert logshift("explain", "a.py:1").out == "No logger is made or used here.\n"
    assert "b:7:3:10" in logshift("explain", "b:7").out
    assert "b:7:3:10" in logshift("explain", "b:7:3").out
    assert "b:7:3:10" in logshift("explain", "b:7:3:10").out


def test_line_anywhere_in_a_statement_is_explained(project, logshift):
    project({"a.py": "import logging\n\nlogger = logging.getLogger(\n    __name__\n)\nlogger.info(\n    'a',\n)\n"})
    told = [logshift("explain", f"a.py:{line}").out.startswith("a.py:3:10") for line in range(1, 9)]
    assert told == [False, False, True, True, True, True, True, True]


STANDING = [
    # where one stands, and what is migrated
    (".", "x"),
    (".", "x/a.py"),
    ("x", "."),
    ("x/pkg", ".."),
    ("x/pkg", "c.py ../a.py"),
    ("y", "../x/a.py"),
    ("x", "../y/b.py"),
    (".", "with space"),
    (".", "--config x/logshift.toml x"),
    (".", "--config ci/strict/logshift.toml x"),
    (".", "--config ci/strict/logshift.toml x y"),
]


@pytest.mark.parametrize(("place", "paths"), STANDING)
def test_rollback_that_is_printed_can_be_pasted(project, logshift, sources, monkeypatch, place, paths):
    modules = ("x/a.py", "x/pkg/c.py", "y/b.py", "with space/d.py")
    marks = (
        "x/logshift.toml",
        "x/pkg/logshift.toml",
        "y/.git/x",
        "with space/logshift.toml",
        "ci/strict/logshift.toml",
    )
    root = project(dict.fromkeys(modules, sources["movable"]) | dict.fromkeys(marks, ""))
    (root / "pyproject.toml").unlink()
    monkeypatch.chdir(root / place)
    told = logshift("migrate", *(["with space"] if "space" in paths else paths.split()))
    assert "moved in" in told.out
    command = re.search(r"`(logshift rollback .*)` restores every byte", told.out).group(1)
    told = logshift(*shlex.split(command)[1:])
    assert told.status == 0, told
    assert {(root / name).read_text() for name in modules} == {sources["movable"]}


def test_hint_to_force_can_be_pasted(project, logshift, sources, monkeypatch):
    root = project({"x/a.py": sources["movable"], "x/logshift.toml": "", "logshift.toml": ""})
    logshift("migrate", "x")
    (root / "x/a.py").write_text("x = 1\n")
    run = next((root / "x/.logshift/runs").iterdir()).name
    told = logshift("rollback", run, "x")
    assert f"Hint: `logshift rollback {run} x --force` restores" in told.err
    assert logshift("rollback", run, "x", "--force").status == 0
    assert (root / "x/a.py").read_text() == sources["movable"]


@pytest.mark.parametrize("command", ["migrate", "migrate --diff", "rollback"])
def test_files_of_several_projects_are_refused(project, logshift, sources, monkeypatch, command):
    root = project({"x/a.py": sources["movable"], "x/logshift.toml": "", "y/b.py": sources["movable"]})
    (root / "pyproject.toml").unlink()
    (root / "y/c.py").write_text("import structlog\n")
    monkeypatch.chdir(root / "x")
    told = logshift(*command.split(), "a.py", "../y/b.py")
    assert (told.status, told.out) == (2, "")
    assert "the paths lie in several projects" in told.err
    assert (root / "x/a.py").read_text() == (root / "y/b.py").read_text() == sources["movable"]
    assert not list(root.rglob(".logshift"))


def test_projects_inside_the_project_are_part_of_it(project, logshift, sources):
    root = project(
        {"a.py": sources["movable"], "logshift.toml": "", "x/b.py": sources["movable"], "x/logshift.toml": ""}
    )
    assert logshift("migrate", "a.py", "x/b.py").status == 0
    assert logshift("rollback").status == 0
    assert (root / "a.py").read_text() == (root / "x/b.py").read_text() == sources["movable"]
