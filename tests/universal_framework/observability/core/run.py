"""Run the core tests with an interpreter that has nothing but its standard library.

``python -I -S run.py SRC [PATTERN]`` puts SRC, the folder that holds ``universal_framework``, on the import path,
runs every test of the modules beside this file, and says how many passed.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def main(source: str, pattern: str = "") -> int:
    sys.path.insert(0, source)
    harness = load(HERE / "harness.py")
    passed, failed = 0, 0
    for path in sorted(HERE.glob("test_*.py")):
        module = load(path)
        for name, test in vars(module).items():
            if not name.startswith("test_") or pattern not in name:
                continue
            with harness.fresh_tree() as tree:
                try:
                    test(*[tree] * len(inspect.signature(test).parameters))
                except Exception:
                    failed += 1
                    print(f"FAILED {path.name}::{name}\n{traceback.format_exc()}")
                else:
                    passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
