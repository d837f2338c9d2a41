"""The logger imports this room, so this room imports next to nothing."""

import re
import subprocess
import sys
from pathlib import Path

from universal_framework.observability import redaction


def test_importing_needs_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import universal_framework.observability.redaction; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["universal_framework"]


def test_no_pattern_repeats_a_group_possessively():
    # wrong before Python 3.11.5 where the group backtracks: https://github.com/python/cpython/issues/106052
    repeated = re.compile(r"\)(?:\{+[0-9,]+\}+|[*+?])\+")
    package = Path(redaction.__file__).parent
    found = {path.name: repeated.findall(path.read_text()) for path in package.glob("*.py")}
    assert {name: hits for name, hits in found.items() if hits} == {}
