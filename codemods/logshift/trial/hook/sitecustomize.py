"""Start the recorder in this interpreter, then load the ``sitecustomize`` that would have been loaded without us.

https://docs.python.org/3/library/site.html#module-sitecustomize
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

_here = os.path.dirname(os.path.abspath(__file__))


def _load_the_next_one() -> None:
    elsewhere = [path for path in sys.path if os.path.abspath(path) != _here]
    spec = PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is None or spec.loader is None:
        return
    module = type(sys)("sitecustomize")
    module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


if "_logshift_recorder" not in sys.modules:
    try:
        import _logshift_recorder

        _logshift_recorder.begin(_here)
    finally:
        _load_the_next_one()
