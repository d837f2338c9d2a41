"""``python bench/road.py``: the time of check and migrate on the example application, against named rivals.

The rivals do less: ruff's banned-api rule only finds, the bare interpreter does nothing, and LibCST's own
codemod renames one factory without proving anything.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from pairs import Command, compare, print_table

LEGACY = Path(__file__).resolve().parent.parent / "fixtures" / "legacy"
BANNED = 'lint.flake8-tidy-imports.banned-api={ "logging.getLogger".msg = "x", "structlog.get_logger".msg = "x" }'


def main() -> None:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=9)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory(prefix="logshift-bench-") as scratch:
        folder = Path(scratch) / "app"

        def fresh() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(LEGACY, folder, ignore=shutil.ignore_patterns("__pycache__"))

        fresh()
        python = sys.executable
        logshift = [python, "-m", "logshift"]
        ruff = [
            python,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--no-cache",
            "--select",
            "TID251",
            "--config",
            BANNED,
            "src",
        ]
        rename = [python, "-m", "libcst.tool", "codemod", "rename.RenameCommand"]
        rename += ["--old_name", "structlog.get_logger", "--new_name", "house:get_logger", "--jobs", "1", "src"]
        rows = []
        for work, claim, rival in (
            ("check, 45 files, 39 findings", [*logshift, "check", "src"], Command("ruff TID251", ruff, str(folder))),
            (
                "check, five clean files",
                [*logshift, "check", "src/universal_framework/contracts"],
                Command("bare interpreter", [python, "-I", "-c", "pass"], str(folder)),
            ),
            (
                "migrate, all proofs, written",
                [*logshift, "migrate", "src"],
                Command("LibCST RenameCommand, one factory", rename, str(folder), fresh),
            ),
        ):
            ours = Command("logshift", claim, str(folder), fresh if "migrate" in claim else lambda: None)
            rows.append((work, rival.name, *compare(ours, rival, pairs)))
        print_table(rows)


if __name__ == "__main__":
    main()
