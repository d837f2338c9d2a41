"""The main job, shown: an application with 39 legacy loggers is checked, migrated, proved, run and rolled back.

Everything happens in a scratch folder; exit status 0 means that each step did what it should.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEGACY = ROOT / "fixtures" / "legacy"
LOGSHIFT = [sys.executable, "-m", "logshift"]
_SHOWN_EVENTS = ("environment_loaded", "session_created", "intent_classified", "workflow_completed")


class DemoError(Exception):
    """A step did not do what it should."""


def main() -> int:
    """Run the demonstration."""
    with tempfile.TemporaryDirectory(prefix="logshift-demo-") as scratch:
        application = Path(scratch) / "assistant"
        ignored = shutil.ignore_patterns("__pycache__", ".*cache", ".logshift")
        shutil.copytree(LEGACY, application, ignore=ignored)
        try:
            _tell("An e-mail assistant that logs in three ways at once")
            _logshift(application, "check", "--statistics", "src", expected=1)
            _tell("Move every logger, and prove that nothing else changed")
            _logshift(application, "migrate", "src", expected=0)
            _tell("What became of the busiest file's head")
            _show_diff(application)
            _tell("Check again")
            _logshift(application, "check", "src", expected=0)
            _tell("The migrated application answers a conversation; some of its log lines")
            _run_application(application)
            _tell("Take it all back")
            _logshift(application, "rollback", expected=0)
            _compare(application)
        except DemoError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
    return 0


def _tell(title: str) -> None:
    print(f"\n── {title} " + "─" * max(2, 116 - len(title)))


def _logshift(application: Path, *arguments: str, expected: int) -> None:
    print(f"$ logshift {' '.join(arguments)}", flush=True)
    status = subprocess.run([*LOGSHIFT, *arguments], cwd=application, check=False).returncode
    if status != expected:
        raise DemoError(f"`logshift {' '.join(arguments)}` exited with {status}, not {expected}")


def _show_diff(application: Path) -> None:
    path = Path("src/universal_framework/agents/intent_classifier.py")
    command = ["diff", "-u", str(LEGACY / path), str(application / path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    print("\n".join(lines[2:34]))


def _run_application(application: Path) -> None:
    path = os.pathsep.join([str(application / "src"), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, "-m", "universal_framework.demo"],
        cwd=application,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"the migrated application failed:\n{done.stderr}")
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    shown = {event["event"]: event for event in reversed(events)}
    for name in _SHOWN_EVENTS:
        event = {key: value for key, value in shown[name].items() if key not in ("timestamp", "request_id")}
        print(json.dumps(event, ensure_ascii=False))
    print(f"… {len(events)} events in all, from one logger for each component")


def _compare(application: Path) -> None:
    files = [path.relative_to(LEGACY) for path in sorted(LEGACY.rglob("*.py")) if "__pycache__" not in path.parts]
    different = [path for path in files if not filecmp.cmp(LEGACY / path, application / path, shallow=False)]
    if different:
        raise DemoError(f"not restored: {', '.join(map(str, different))}")
    print(f"{len(files)} files compared with the originals: every byte is back.")


if __name__ == "__main__":
    raise SystemExit(main())
