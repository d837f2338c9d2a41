"""The contract of the house logger. Generated from its class by ``tools/generate.py``; do not edit."""

from __future__ import annotations

from logshift.frameworks import Contract

CONTRACT = Contract(
    methods=frozenset(
        {
            "_log",
            "acritical",
            "addFilter",
            "addHandler",
            "adebug",
            "aerror",
            "aexception",
            "afatal",
            "ainfo",
            "alog",
            "amsg",
            "awarn",
            "awarning",
            "bind",
            "callHandlers",
            "critical",
            "debug",
            "error",
            "exception",
            "fatal",
            "filter",
            "findCaller",
            "getChild",
            "getChildren",
            "getEffectiveLevel",
            "get_effective_level",
            "handle",
            "hasHandlers",
            "info",
            "isEnabledFor",
            "is_enabled_for",
            "log",
            "log_agent_execution",
            "log_compliance_event",
            "log_error",
            "log_info",
            "log_performance_metric",
            "log_session_event",
            "log_warning",
            "log_workflow_transition",
            "makeRecord",
            "msg",
            "new",
            "removeFilter",
            "removeHandler",
            "setLevel",
            "try_unbind",
            "unbind",
            "warn",
            "warning",
        }
    ),
    attributes=frozenset(
        {
            "_context",
            "component",
            "disabled",
            "filters",
            "handlers",
            "level",
            "manager",
            "name",
            "parent",
            "propagate",
            "root",
        }
    ),
    formatting="percent",
    fields=True,
    reserved=frozenset({"exc_info", "extra", "stack_info", "stacklevel"}),
    stands_for=frozenset(
        {
            "logging.Filterer",
            "logging.Logger",
            "structlog.typing.BindableLogger",
            "structlog.typing.FilteringBoundLogger",
        }
    ),
    constructor=frozenset({"name", "via"}),
)
