"""Other people's projects, migrated by one command, pass their own tests; all of them: ``bench/fidelity.py``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "fidelity.py"
UNAVAILABLE = 3


@pytest.mark.parametrize(
    ("project", "row"),
    [
        ("flask", "| flask | 1 | 1 (100 %) | – | 0 | 489 | 0 | – |"),
        ("keystoneauth1", "| keystoneauth1 | 3 | 3 (100 %) | – | 0 | 770 | 0 | – |"),
    ],
)
def test_a_well_known_project_passes_its_own_tests_when_it_is_migrated(project: str, row: str) -> None:
    done = subprocess.run(
        [sys.executable, BENCH, project, "--redaction", "off"],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    if done.returncode == UNAVAILABLE:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert row in done.stdout


def test_without_a_corpus_the_measurement_says_how_to_name_one(tmp_path: Path) -> None:
    command = [sys.executable, BENCH, "flask", "--corpus", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stdout) == (UNAVAILABLE, "")
    assert done.stderr.endswith(f"no corpus at {tmp_path}: name its folder with --corpus or LOGSHIFT_CORPUS\n")
