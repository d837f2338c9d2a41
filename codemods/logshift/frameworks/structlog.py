"""structlog.

https://www.structlog.org/en/stable/api.html
"""

from __future__ import annotations

from logshift.frameworks import LABEL, Contract, Factory, Framework

_SYNC = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log", "msg"})
LEVEL_METHODS = _SYNC | {f"a{name}" for name in _SYNC}
_DERIVES = frozenset({"bind", "new", "unbind", "try_unbind"})
#: What `structlog.stdlib.BoundLogger` passes on to the wrapped `logging.Logger`.
_PROXIED = frozenset(
    {"setLevel", "isEnabledFor", "getEffectiveLevel", "getChild", "addHandler", "removeHandler", "hasHandlers",
     "handle", "makeRecord", "findCaller", "callHandlers"}
)  # fmt: skip

CONTRACT = Contract(
    methods=LEVEL_METHODS | _DERIVES | _PROXIED | {"is_enabled_for", "get_effective_level"},
    attributes=frozenset({"_context", "name", "level", "parent", "propagate", "handlers", "disabled"}),
    formatting="percent",
    fields=True,
    reserved=frozenset({"exc_info", "stack_info", "stacklevel"}),
    stands_for=frozenset({"structlog.typing.BindableLogger", "structlog.typing.FilteringBoundLogger"}),
)

_FACTORIES = (
    "structlog.get_logger",
    "structlog.getLogger",
    "structlog.stdlib.get_logger",
    "structlog._config.get_logger",
)

FRAMEWORK = Framework(
    name="structlog",
    title="structlog",
    factories=(
        *(Factory(path, None, binds_keywords=True) for path in _FACTORIES),
        Factory("structlog.wrap_logger", None, binds_keywords=True, wraps=True),
    ),
    name_means=LABEL,
    contract=CONTRACT,
    types=frozenset(
        {"structlog.BoundLogger", "structlog.BoundLoggerBase", "structlog.stdlib.BoundLogger",
         "structlog.typing.FilteringBoundLogger", "structlog.types.FilteringBoundLogger",
         "structlog.typing.BindableLogger", "structlog.typing.WrappedLogger"}
    ),
    derives=_DERIVES | {"getChild"},
    emits=LEVEL_METHODS,
    configures=frozenset({"setLevel", "addHandler", "removeHandler"}),
    root_functions=frozenset(),
    tokens=(b"structlog",),
    set_up_by=("structlog.configure", "structlog.configure_once"),
)  # fmt: skip
