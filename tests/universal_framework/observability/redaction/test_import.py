"""The logger imports this room, so this room imports next to nothing."""

import subprocess
import sys


def test_importing_needs_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import universal_framework.observability.redaction; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["universal_framework"]
