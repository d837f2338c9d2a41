"""The standard library's `logging`.

https://docs.python.org/3/library/logging.html
"""

from __future__ import annotations

from logshift.frameworks import NODE, Contract, Factory, Framework

LEVEL_METHODS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log"})

_CONFIGURES = frozenset(
    {"setLevel", "addHandler", "removeHandler", "addFilter", "removeFilter", "handlers", "filters", "propagate",
     "disabled", "level", "hasHandlers", "manager", "parent", "root"}
)  # fmt: skip

CONTRACT = Contract(
    methods=LEVEL_METHODS
    | {"setLevel", "isEnabledFor", "getEffectiveLevel", "getChild", "getChildren", "addHandler", "removeHandler",
       "hasHandlers", "addFilter", "removeFilter", "filter", "handle", "makeRecord", "findCaller", "callHandlers",
       "_log"},
    attributes=frozenset(
        {"name", "level", "parent", "propagate", "handlers", "filters", "disabled", "manager", "root"}
    ),
    formatting="percent",
    fields=False,
    reserved=frozenset({"exc_info", "stack_info", "stacklevel", "extra"}),
    stands_for=frozenset({"logging.Logger", "logging.Filterer"}),
)  # fmt: skip

FRAMEWORK = Framework(
    name="stdlib",
    title="logging",
    factories=(
        Factory("logging.getLogger", "name"),
        Factory("logging.root.manager.getLogger", "name"),
        Factory("logging.root.getChild", "suffix"),
        Factory("logging.Logger", "name", detached=True),
    ),
    name_means=NODE,
    contract=CONTRACT,
    types=frozenset({"logging.Logger"}),
    derives=frozenset({"getChild"}),
    emits=LEVEL_METHODS | {"handle", "_log"},
    configures=_CONFIGURES,
    root_functions=frozenset(f"{where}.{name}" for name in LEVEL_METHODS for where in ("logging", "logging.root")),
    tokens=(b"logging",),
    aliases=(
        ("logging.Logger.manager", "logging.root.manager"),
        ("logging.Logger.root", "logging.root"),
        ("logging.root.root", "logging.root"),
        ("logging.root.manager.root", "logging.root"),
        ("logging.RootLogger.manager", "logging.root.manager"),
    ),
    root="logging.root",
)
