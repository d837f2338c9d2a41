"""``python bench/fidelity.py``: migrate other people's projects with one command, and run their own tests.

The projects are those of a corpus: a folder with a harness ``run.py`` that gets each project's released sources,
migrates a copy and says which of the tests that passed before pass no more. It needs a package index. Each project
is measured with the runtime's redaction off, which shows the migration alone, and as it is by default.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gzip
import json
import os
import shlex
import subprocess
import sys
import tarfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("LOGSHIFT_CORPUS", ROOT.parent / "shared" / "corpus"))
HOME = Path(os.environ.get("CORPUS_HOME", "~/.cache/logging-corpus")).expanduser().resolve()
MODES = ("off", "default")
UNAVAILABLE = 3  # exit status

#: What a user of a project would write: lines of ``logshift.toml``, and why.
SETTINGS = {
    # A test holds the SHA-256 of this file; the harness keeps tests out of the migration's sight.
    "certbot": 'extend-exclude = ["src/certbot/_internal/ocsp.py"]\n',
}


class CorpusError(Exception):
    """The harness could not measure a project."""


class UnavailableError(CorpusError):
    """There is no corpus here, or a project cannot be fetched."""


@dataclass(frozen=True)
class Measured:
    """One project, migrated."""

    name: str
    moved: int
    kept: Counter[str]  # by reason
    configuration: int
    passed_before: int
    lost: dict[str, list[str]]  # by what redaction was like

    @property
    def share(self) -> float:
        """Percent of the legacy loggers that safe fixes alone moved."""
        legacy = self.moved + self.kept.total()
        return 100 * self.moved / legacy if legacy else 100.0


def measure(name: str, modes: tuple[str, ...] = MODES, corpus: Path = CORPUS) -> Measured:
    """Migrate one project and run its tests, once for each of `modes`.

    Raises:
        UnavailableError: if there is no corpus, or no package index that has the project.
        CorpusError: if there is no result.
    """
    if not (corpus / "run.py").is_file():
        raise UnavailableError(f"no corpus at {corpus}: name its folder with --corpus or LOGSHIFT_CORPUS")
    with _alone(name):
        try:
            _harness(corpus, ["setup", name])
        except CorpusError as error:
            raise UnavailableError(f"{name} cannot be set up: {error}") from error
        _settle_baseline(name, corpus)
        return _measured(name, {mode: _compare(name, mode, corpus) for mode in modes})


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Hold a project: the harness keeps one copy of each."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _measured(name: str, reports: dict[str, dict[str, Any]]) -> Measured:
    told = json.loads((HOME / "results" / name / "migration.json").read_text(encoding="utf-8"))
    kept = [one["reason"] for file in told["migration"]["files"] for one in file["kept"]]
    return Measured(
        name=name,
        moved=sum(file["moved"] for file in told["migration"]["files"]),
        kept=Counter(kept),
        configuration=told["totals"]["configuration_bindings"],
        passed_before=next(iter(reports.values()))["baseline"],
        lost={mode: sorted(report["lost"]) for mode, report in reports.items()},
    )


def _compare(name: str, mode: str, corpus: Path) -> dict[str, Any]:
    results = HOME / "results" / name
    label = f"fidelity-{mode}"
    (results / f"{label}.json").unlink(missing_ok=True)
    command = ["all", name, "--label", label, "--show", "0", "--migrate-cmd", _migrate_command(name, results)]
    command += ["--extra-path", str(ROOT / "src"), *(["--env", "UF_LOG_REDACTION=off"] if mode == "off" else [])]
    _harness(corpus, command)
    return _report(results / f"{label}.json")


def _report(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CorpusError(f"the harness wrote no {path}")
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


def _migrate_command(name: str, results: Path) -> str:
    """Return the one command, with what a user would have in ``logshift.toml``."""
    python = f"PYTHONPATH={shlex.quote(f'{ROOT}/src:{ROOT}/codemods')} {shlex.quote(sys.executable)}"
    settings = f"printf %s {shlex.quote(SETTINGS[name])} > {{root}}/logshift.toml && " if name in SETTINGS else ""
    told = shlex.quote(str(results / "migration.json"))
    return f"{settings}{python} -m logshift migrate {{src}} --exit-zero --output-format json > {told}"


def _settle_baseline(name: str, corpus: Path) -> None:
    """Measure what passes before, where the recorded names of tests hold the path of another machine."""
    if (HOME / "results" / name / "baseline.json").is_file():
        return
    recorded = corpus / "baselines" / f"{name}.json.gz"
    if recorded.is_file() and f"work/{name}/tree" in gzip.decompress(recorded.read_bytes()).decode():
        _harness(corpus, ["baseline", name])


#: Python before 3.11.4 cannot filter what it unpacks; the harness has checked the hash of each archive.
_PATIENT = () if hasattr(tarfile, "data_filter") else ("-c", """
import runpy, sys, tarfile
unpack = tarfile.TarFile.extractall
def patient(self, path=".", members=None, *, filter=None, **more):
    unpack(self, path, members, **more)
tarfile.TarFile.extractall = patient
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
""")  # fmt: skip


def _harness(corpus: Path, arguments: list[str]) -> None:
    environment = {**os.environ, "CORPUS_HOME": str(HOME)}
    done = subprocess.run(
        [sys.executable, *_PATIENT, str(corpus / "run.py"), *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    print(done.stdout, end="", file=sys.stderr)
    if done.returncode not in (0, 1):
        raise CorpusError(done.stdout.strip()[-2000:])


def table(rows: list[Measured]) -> str:
    """Return the table of the documentation."""
    lines = [
        "| project | loggers | moved | left, by reason | configuration | tests before | lost | lost to redaction |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        left = ", ".join(f"{count} `{reason}`" for reason, count in sorted(one.kept.items())) or "–"
        off = one.lost.get("off")
        hidden = sorted(set(one.lost["default"]) - set(off or ())) if "default" in one.lost else None
        cells = [
            one.name, one.moved + one.kept.total(), f"{one.moved} ({one.share:.0f} %)", left, one.configuration,
            f"{one.passed_before:,}", "–" if off is None else len(off), "–" if hidden is None else len(hidden),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    moved, kept = sum(one.moved for one in rows), sum(one.kept.total() for one in rows)
    lost = [sum(len(one.lost.get(mode, ())) for one in rows) for mode in MODES]
    share = 100 * moved / (moved + kept) if moved + kept else 100.0
    lines.append(
        f"| all | {moved + kept} | {moved} ({share:.1f} %) | {kept} | {sum(one.configuration for one in rows)} "
        f"| {sum(one.passed_before for one in rows):,} | {lost[0]} | {max(0, lost[1] - lost[0])} |"
    )
    return "\n".join(lines) + "\n"


def projects(corpus: Path) -> list[str]:
    """Return the names of a corpus's projects."""
    with (corpus / "projects.toml").open("rb") as file:
        return list(tomllib.load(file))


def main() -> int:
    """Measure the projects and print the table; 1 if a test was lost, to redaction alone left aside."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="projects; all of the corpus by default")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="its folder (LOGSHIFT_CORPUS)")
    parser.add_argument("--redaction", choices=[*MODES, "both"], default="both", help="what redaction is to be like")
    options = parser.parse_args()
    modes = MODES if options.redaction == "both" else (options.redaction,)
    rows = []
    try:
        for name in options.names or projects(options.corpus):
            rows.append(measure(name, modes, options.corpus))
            print(table(rows[-1:]).splitlines()[2], file=sys.stderr, flush=True)
    except (CorpusError, OSError) as error:
        print(f"fidelity: {error}", file=sys.stderr)
        return UNAVAILABLE if isinstance(error, UnavailableError) else 2
    print(table(rows), end="")
    for one in rows:
        for mode, lost in one.lost.items():
            for test in lost:
                print(f"{one.name}: lost, redaction {mode}: {test}")
    return 1 if any(one.lost.get("off") for one in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
