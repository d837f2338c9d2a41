"""0: nothing to do. 1: findings are left. 2: the command or the configuration is wrong. 3: not all was analysed."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest

from logshift.cli import app

FILES = {"good.toml": "", "bad.toml": "x = 1\n", "ratchet.toml": "ratchet = 'empty.jsonl'\n", "empty.jsonl": ""}

TABLE = [
    # the command; the sources there are; the exit status
    ("check", "clean", 0),
    ("check", "movable", 1),
    ("check", "manual", 1),
    ("check", "broken", 3),
    ("check", "movable broken", 3),
    ("check --exit-zero", "movable manual", 0),
    ("check --exit-zero", "movable broken", 3),
    ("check --statistics", "movable", 1),
    ("check --output-format json", "clean", 0),
    ("check --output-format json", "movable", 1),
    ("check --output-format json", "broken", 3),
    ("check movable.py", "movable broken", 1),
    ("check clean.py", "clean movable", 0),
    ("check nowhere.py", "clean", 2),
    ("check clean.py nowhere", "clean", 2),
    ("check --output-format xml", "clean", 2),
    ("check --output-format", "clean", 2),
    ("check --statistics=yes", "clean", 2),
    ("check --no-such-option", "clean", 2),
    ("check --config nowhere.toml", "clean", 2),
    ("check --config bad.toml", "clean", 2),
    ("check --fail-under 0", "movable", 0),
    ("check --fail-under 100", "movable", 1),
    ("check --fail-under 100", "clean", 0),
    ("check --fail-under 101", "clean", 2),
    ("check --fail-under=", "clean", 2),
    ("check --baseline nowhere.jsonl", "clean", 2),
    ("check --baseline x --no-baseline", "clean", 2),
    ("check --no-baseline", "clean", 0),
    ("check --ratchet", "clean", 2),
    ("check --diff-base no-such-branch", "clean", 2),
    ("baseline create", "movable", 0),
    ("baseline create", "movable broken", 3),
    ("baseline create nowhere.py", "clean", 2),
    ("baseline create --config bad.toml", "clean", 2),
    ("baseline update", "clean", 2),
    ("baseline update --baseline empty.jsonl", "movable", 0),
    ("baseline prune", "clean", 2),
    ("baseline prune --baseline empty.jsonl", "movable", 0),
    ("baseline prune --baseline empty.jsonl", "broken", 3),
    ("baseline", "clean", 2),
    ("ratchet create", "movable", 0),
    ("ratchet create nowhere.py", "clean", 2),
    ("ratchet update", "clean", 2),
    ("ratchet update --config ratchet.toml", "clean", 0),
    ("ratchet update --config ratchet.toml", "movable", 1),
    ("ratchet", "clean", 2),
    ("migrate", "clean", 0),
    ("migrate", "movable", 0),
    ("migrate", "manual", 1),
    ("migrate", "movable manual", 1),
    ("migrate", "broken", 3),
    ("migrate", "movable broken", 3),
    ("migrate --output-format json", "movable", 0),
    ("migrate --output-format json", "movable manual", 1),
    ("migrate --unsafe-fixes", "movable", 0),
    ("migrate --exit-zero", "movable manual", 0),
    ("migrate --exit-zero", "movable broken", 3),
    ("migrate --diff --exit-zero", "movable", 0),
    ("migrate --diff", "clean", 0),
    ("migrate --diff", "movable", 1),
    ("migrate --diff", "manual", 1),
    ("migrate --diff", "movable broken", 3),
    ("migrate --diff --output-format json", "movable", 1),
    ("migrate nowhere.py", "clean", 2),
    ("migrate --diff nowhere.py", "clean", 2),
    ("migrate --no-such-option", "clean", 2),
    ("migrate --config bad.toml", "movable", 2),
    ("prove clean.py -- true", "clean", 0),
    ("prove movable.py -- false", "movable", 3),
    ("prove clean.py", "clean", 2),
    ("prove nowhere.py -- true", "clean", 2),
    ("prove --config bad.toml -- true", "clean", 2),
    ("rollback", "clean", 0),
    ("rollback nowhere.py", "clean", 2),
    ("rollback --config bad.toml", "clean", 2),
    ("runs", "clean", 0),
    ("runs --output-format json", "clean", 0),
    ("runs extra", "clean", 2),
    ("explain movable.py", "movable", 0),
    ("explain movable.py:3", "movable", 0),
    ("explain clean.py", "clean", 0),
    ("explain broken.py", "broken", 3),
    ("explain nowhere.py", "clean", 2),
    ("explain nowhere.py:3", "clean", 2),
    ("explain", "clean", 2),
    ("rules", "clean", 0),
    ("rules --output-format json", "clean", 0),
    ("rule LS101", "clean", 0),
    ("rule stdlib-logger", "clean", 0),
    ("rule LS999", "clean", 2),
    ("rule", "clean", 2),
    ("config show", "clean", 0),
    ("config show --config bad.toml", "clean", 2),
    ("config validate", "clean", 0),
    ("config validate good.toml", "clean", 0),
    ("config validate bad.toml", "clean", 2),
    ("config validate nowhere.toml", "clean", 2),
    ("config schema", "clean", 0),
    ("config", "clean", 2),
    ("config nonsense", "clean", 2),
    ("", "clean", 2),
    ("--no-such-option", "clean", 2),
    ("nonsense", "clean", 2),
    ("--version", "clean", 0),
    ("--help", "clean", 0),
    ("-h", "clean", 0),
    ("check --help", "clean", 0),
    ("config --help", "clean", 0),
]


@pytest.mark.parametrize(("command", "kinds", "status"), TABLE, ids=[f"{one[0]} [{one[1]}]" for one in TABLE])
def test_exit_status(project, logshift, sources, command, kinds, status):
    project({f"{kind}.py": sources[kind] for kind in kinds.split()} | FILES)
    told = logshift(*command.split())
    assert told.status == status, told
    assert "Traceback" not in told.err
    if status == 2 and command not in ("config validate bad.toml", "config validate nowhere.toml"):
        assert told.out == ""
        assert told.err


def test_every_command_is_in_the_table():
    groups = {name: one for name, one in app.main.commands.items() if isinstance(one, click.Group)}
    commands = app.main.commands.keys() - groups.keys()
    commands |= {f"{name} {inner}" for name, one in groups.items() for inner in one.commands}
    for command in commands:
        assert {0, 2} & {status for line, _, status in TABLE if line.startswith(command)}, command


def test_configuration_that_is_wrong_stops_every_command_that_needs_one(project, logshift, sources):
    project({"movable.py": sources["movable"], "logshift.toml": "srcs = []\n"})
    for command in ("check", "migrate", "migrate --diff", "rollback", "runs", "explain movable.py", "config show"):
        told = logshift(*command.split())
        assert (told.status, told.out) == (2, "")
        assert told.err == "logshift.toml:1:1: unknown key `srcs`; did you mean `src`?\n"
    told = logshift("config", "validate")
    assert (told.status, told.err) == (2, "")
    assert told.out == "logshift.toml:1:1: unknown key `srcs`; did you mean `src`?\n"


def test_process_ends_with_the_status(project, process, sources):
    project({f"{kind}.py": source for kind, source in sources.items()})
    commands = [("check", "clean.py"), ("check", "movable.py"), ("check", "nowhere.py"), ("check",), ("runs",)]
    assert [process(*command).status for command in commands] == [0, 1, 2, 3, 0]


def test_defect_is_not_taken_for_findings(project, logshift, monkeypatch):
    from logshift import engine

    def broken(*_, **__):
        raise RuntimeError("unheard of")

    project({})
    monkeypatch.setattr(engine, "analyse", broken)
    told = logshift("check")
    assert (told.status, told.out) == (2, "")
    assert "RuntimeError: unheard of" in told.err
    assert told.err.endswith("logshift: this is a defect of logshift; please report it\n")


def test_files_that_can_be_analysed_are_migrated_beside_those_that_cannot(project, logshift, sources):
    root = project({"movable.py": sources["movable"], "broken.py": sources["broken"], "bytes.py": b"logging.\xff\n"})
    told = logshift("migrate")
    assert told.status == 3
    assert "UniversalFrameworkLogger" in (root / "movable.py").read_text()
    assert "broken.py:3:27 not analysed syntax error: '(' was never closed" in told.out
    assert "bytes.py:1:9 not analysed byte 0xff is not valid utf-8" in told.out
    assert "1 logger moved in 1 file." in told.out


def test_unsafe_fixes_are_made_where_they_are_asked_for(project, logshift):
    text = "import logging\n\n\ndef run():\n    logging.getLogger('x').info('run')\n"
    root = project({"mod.py": text, "test_mod.py": "from mock import patch\n\npatch('mod.logging.getLogger')\n"})
    told = logshift("check", "mod.py")
    assert told.status == 1
    assert "mod.py:5:5 LS101 [unsafe] " in told.out
    assert "its factory is patched in test_mod.py (factory-patched)\n" in told.out
    assert "Hint: `logshift migrate --diff --unsafe-fixes` shows what would change." in told.out
    told = logshift("migrate")
    assert (told.status, (root / "mod.py").read_text()) == (1, text)
    assert "mod.py:5:5 kept (factory-patched) its factory is patched in test_mod.py\n" in told.out
    assert logshift("migrate", "--diff", "--unsafe-fixes").status == 1
    assert (root / "mod.py").read_text() == text
    assert logshift("migrate", "--unsafe-fixes").status == 0
    assert "UniversalFrameworkLogger" in (root / "mod.py").read_text()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"x = 1\ny = '\xff'\n", "2:6 not analysed byte 0xff is not valid utf-8"),
        ("import logging\nlogging.info(1)\n".encode("utf-16"), "1:1 not analysed byte 0xff is not valid utf-8"),
        ("x = 1\n".encode("utf-16-le"), "1:2 not analysed source code string cannot contain null bytes"),
        (b"x = 1\ny = '\0'\n", "2:6 not analysed source code string cannot contain null bytes"),
        (b"import logging\n\0\n", "2:1 not analysed source code string cannot contain null bytes"),
        (b"# coding: no-such\nx = 1\n", "1:1 not analysed unknown encoding: no-such"),
    ],
)
def test_file_that_is_no_text_is_not_counted_as_checked(project, logshift, data, told):
    project({"a.py": data, "b.py": "x = 1\n"})
    done = logshift("check")
    assert done.status == 3
    assert f"a.py:{told}\n" in done.out
    assert "in 1 file.\n" in done.out


def test_file_without_a_word_of_loggers_is_not_parsed(project, logshift):
    project({"a.py": "x = = 1\n", "b.py": b"# coding: latin-1\nx = '\xe9'\n"})
    assert logshift("check").status == 0


def test_working_directory_that_is_gone_is_told_of(project, process, tmp_path):
    project({})
    gone = tmp_path / "gone"
    for command in ("check", "runs", "migrate"):
        gone.mkdir()
        program = f"cd {gone} && rmdir {gone} && exec {sys.executable} -P -m logshift {command}"
        done = subprocess.run(["/bin/sh", "-c", program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "logshift: the working directory does not exist any more; go to one that does\n"


def interrupted(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["report", "count", "commit"])
def test_interrupt_after_the_files_are_written_says_so(project, logshift, sources, monkeypatch, where):
    root = project({"movable.py": sources["movable"]})
    with monkeypatch.context() as patching:
        if where == "report":
            patching.setattr(app.migration_report, "render", interrupted)
        elif where == "count":
            patching.setattr(app.check_, "status", interrupted)
        else:
            real = app.apply.apply

            def late(*arguments):
                real(*arguments)
                raise KeyboardInterrupt

            patching.setattr(app.apply, "apply", late)
            patching.setattr(app.check_, "status", interrupted)
        told = logshift("migrate")
    assert told.status == 130
    assert "UniversalFrameworkLogger" in (root / "movable.py").read_text()
    command = re.search(r"interrupted after every file had been written; `(logshift rollback \S+)`", told.err).group(1)
    assert logshift(*command.split()[1:]).status == 0
    assert (root / "movable.py").read_text() == sources["movable"]


@pytest.mark.parametrize("module", ["logshift.cli.check", "logshift.cli.app", "logshift.engine"])
def test_interrupt_while_the_program_loads_is_no_traceback(project, module):
    project({})
    program = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from logshift.__main__ import run\n"
        f"sys.argv[1:] = ['check'] if {module!r} != 'logshift.cli.app' else ['runs']\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "logshift: interrupted\n")
