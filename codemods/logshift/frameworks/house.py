"""The house logger as a framework, and any other class that a team names as its target."""

from __future__ import annotations

from logshift.frameworks import COMPONENT, Contract, Factory, Framework, Target
from logshift.frameworks import structlog as structlog_
from logshift.frameworks._house_contract import CONTRACT

MODULE = "universal_framework.observability.unified_logger"
CLASS = "UniversalFrameworkLogger"

_DOMAIN_EVENTS = frozenset(
    {"log_agent_execution", "log_workflow_transition", "log_session_event", "log_compliance_event",
     "log_performance_metric", "log_info", "log_warning", "log_error"}
)  # fmt: skip


def target(module: str = MODULE, cls: str = CLASS, contract: Contract = CONTRACT) -> Target:
    """Return the target class `cls` of `module` as a framework."""
    path = f"{module}.{cls}"
    packages = module.split(".")
    # A class is often re-exported by the packages above its module.
    paths = [".".join([*packages[:depth], cls]) for depth in range(len(packages), 0, -1)]
    framework = Framework(
        name="house",
        title=cls,
        factories=tuple(Factory(path, "component", binds_keywords=False) for path in paths),
        name_means=COMPONENT,
        contract=contract,
        types=frozenset({path}),
        derives=frozenset({"bind", "new", "unbind", "try_unbind", "getChild"}),
        emits=structlog_.LEVEL_METHODS | _DOMAIN_EVENTS,
        configures=frozenset(),
        root_functions=frozenset(),
        tokens=(cls.encode(),),
    )
    return Target(framework, module, cls)
