"""The main job, shown: an application with 39 legacy loggers is checked, migrated, proved, run and rolled back.

Then the service that its modules have grown into is started as `universal-framework serve` starts it, and holds a
conversation over HTTP. Everything happens in a scratch folder; exit status 0 means that each step did what it should.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LEGACY = ROOT / "fixtures" / "legacy"
LOGSHIFT = [sys.executable, "-m", "logshift"]
SERVE = [sys.executable, "-m", "universal_framework", "serve", "--port", "0", "--drain-seconds", "0"]
_CONVERSATION = (
    "I need an email about the office move",
    "Audience: all engineering staff. Tone: friendly. Key points: pack your desk by Thursday; labels are at reception",
    "That sounds good",
    "Yes, please write it now",
)
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
            _tell("What the modules have grown into: four requests to a service, on a machine without Redis or a key")
            _converse(Path(scratch))
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


def _converse(scratch: Path) -> None:
    """Start the service with nothing configured, hold the conversation, show the draft, and end it."""
    ours = ("UF_", "UNIVERSAL_", "REDIS_URL", "OPENAI_API_KEY")
    plain = {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}
    environment = {**plain, "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with (scratch / "service.log").open("wb") as log:
        service = subprocess.Popen(
            [*SERVE, "--log-format", "json"],
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
            cwd=scratch,
            env=environment,
        )
        try:
            url = _address(service)
            draft = _draft(url)
        finally:
            service.terminate()
            _, told = service.communicate(timeout=60)
    if service.returncode != 0:
        raise DemoError(f"the service ended with {service.returncode}:\n{told}")
    print(f"\n{draft['subject']}\n\n{draft['body']}\n")
    print("The service was told to stop, and stopped; its Redis with it.")


def _address(service: subprocess.Popen[str]) -> str:
    """Return where the service is; what it says before goes to the reader."""
    print("$ universal-framework serve")
    told = []
    for line in service.stderr or ():
        if line.startswith("Serving on "):
            return line.split()[2]
        told.append(line)
        if not line.startswith("--- Logging is slow"):  # as it is said on a machine that is busy
            print(line, end="")
    raise DemoError(f"the service did not start:\n{''.join(told)}")


def _draft(url: str) -> dict[str, str]:
    """Return the e-mail to which four messages lead."""
    answer: dict[str, Any] = {}
    for message in _CONVERSATION:
        body = {"message": message} | ({"session_id": answer["session_id"]} if answer else {})
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{url}/api/workflow/execute", json.dumps(body).encode(), headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - an address of ours
            answer = json.load(response)
        reply = textwrap.shorten(answer["reply"].splitlines()[0], 100, placeholder=" …")
        print(f"> {message}\n  {answer['phase']}: {reply}")
    if not answer["email"]:
        raise DemoError("four requests yielded no e-mail")
    return {"subject": answer["email"]["subject"], "body": answer["email"]["body"]}


if __name__ == "__main__":
    raise SystemExit(main())
