"""The objects that requests share, built once for each application.

In: what the service starts with (`config.startup.Start`). Out: `Services` – storage, agents, guards, monitoring – and
the end of all of them, in order. The sections that are not valid are replaced by their defaults in safe mode, and a
missing storage by one in memory. Never: a connection while building; each part connects when it is first used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from fastapi import Request
from pydantic import BaseModel

from universal_framework.agents.email_generator import EmailGenerator
from universal_framework.agents.intent_analyzer_chain import IntentAnalyzerChain
from universal_framework.agents.intent_classifier import IntentClassifier
from universal_framework.agents.strategy_generator import StrategyGenerator
from universal_framework.api import stores
from universal_framework.api.guarded_store import GuardedStore
from universal_framework.api.jobs import JobRegistry
from universal_framework.api.middleware import ANONYMOUS
from universal_framework.api.rate_limit import RateLimiter
from universal_framework.compliance.safe_mode import SafeModeGuard
from universal_framework.config.models import (
    EnvironmentConfig,
    ErrorRecoveryConfig,
    LLMProviderConfig,
    MonitoringConfig,
    RedisConfig,
    SecurityConfig,
)
from universal_framework.config.startup import Start
from universal_framework.contracts.llm import LLMProvider
from universal_framework.contracts.storage import SessionStore
from universal_framework.errors import SessionConflictError
from universal_framework.health import contributors
from universal_framework.health.model import CheckResult, Problem, Status
from universal_framework.health.registry import Contributor, HealthRegistry
from universal_framework.observability.production_monitoring import ProductionMonitor
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.conversation_history_manager import ConversationHistoryManager
from universal_framework.workflow.orchestrator import WorkflowOrchestrator
from universal_framework.workflow.production_error_recovery import ProductionErrorRecovery

logger = UniversalFrameworkLogger("services")

METRICS_PATH: Final = "/metrics"

#: How long agents may take together, of a request's time: the rest is for storage and fallbacks.
_SHARE_OF_AGENTS: Final = 0.7
_LONGEST_STORAGE_SECONDS: Final = 15.0

S = TypeVar("S", bound=BaseModel)
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all together, may take.

    Attributes:
        body_bytes: Of a request.
        request_seconds: Until it is given up.
        in_flight: Requests at once; more are refused.
    """

    body_bytes: int = 65_536
    request_seconds: float = 60.0
    in_flight: int = 1_000

    @property
    def agent_seconds(self) -> float:
        """What the agents of one message may take together."""
        return self.request_seconds * _SHARE_OF_AGENTS

    @property
    def storage_seconds(self) -> float:
        """What one operation of the storage may take."""
        return min(_LONGEST_STORAGE_SECONDS, self.request_seconds / 4)


@dataclass(slots=True, kw_only=True)
class Services:
    """Everything that an endpoint may need."""

    start: Start
    store: SessionStore
    llm: LLMProvider
    guard: SafeModeGuard
    chain: IntentAnalyzerChain
    orchestrator: WorkflowOrchestrator
    recovery: ProductionErrorRecovery
    monitor: ProductionMonitor
    health: HealthRegistry
    limiter: RateLimiter
    limits: Limits
    history: ConversationHistoryManager
    owner_header: str | None
    health_prefix: str
    storage_kind: str
    jobs: JobRegistry = field(default_factory=JobRegistry)
    in_flight: int = 0
    draining: bool = False
    quiet_routes: frozenset[str] = frozenset({METRICS_PATH})
    _taken: set[tuple[str, str]] = field(default_factory=set)

    @property
    def safe_mode(self) -> bool:
        """Whether no language model is called."""
        return self.start.safe_mode

    def is_probe(self, path: str) -> bool:
        """Return whether a path is one of the health routes."""
        return path == self.health_prefix or path.startswith(f"{self.health_prefix}/")

    def is_unlimited(self, path: str) -> bool:
        """Return whether the rate limit does not hold for a path: probes, metrics, the page itself."""
        return path in {METRICS_PATH, "/"} or self.is_probe(path)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; monitoring breaks nothing that it watches."""
        if not self.monitor.is_enabled:
            return
        try:
            tags = (("method", method), ("route", route), ("status", str(status)))
            self.monitor.aggregate.series("http.requests", tags).add()
            self.monitor.aggregate.series("http.duration", (("route", route),), "histogram").observe(seconds)
        except Exception:
            logger.exception("request_not_counted")

    @contextmanager
    def taken(self, session_id: str, owner: str) -> Iterator[None]:
        """Have a session to oneself, in this process.

        Raises:
            SessionConflictError: Another request has it; of two at once one wins.
        """
        key = (owner, session_id)
        if key in self._taken:
            raise SessionConflictError("another request of this process is at work on the session")
        self._taken.add(key)
        try:
            yield
        finally:
            self._taken.discard(key)

    def drain(self) -> None:
        """Let readiness fail and connections end with their next answer."""
        self.draining = True
        self.health.drain()

    async def aclose(self, seconds: float = 10.0) -> None:
        """Finish jobs, deliver metrics and release connections, the storage's last; each within its time."""
        self.draining = True
        parts: tuple[tuple[str, float, Callable[[], Awaitable[object]]], ...] = (
            ("jobs", seconds + 2, lambda: self.jobs.finish(seconds)),
            ("monitor", seconds, lambda: asyncio.to_thread(self.monitor.shutdown)),
            ("llm", 2, self.llm.aclose),
            ("store", 2, self.store.aclose),
        )
        for name, most, close in parts:
            try:
                async with asyncio.timeout(most):
                    await close()
            except Exception as error:  # noqa: BLE001 - the others are to be closed too
                logger.warning("service_not_closed", part=name, error_type=type(error).__name__)


def section(start: Start, kind: type[S], default: D) -> S | D:
    """Return the valid section of a kind, or `default`."""
    return next((one for one in start.sections.values() if isinstance(one, kind)), default)


def build_services(
    start: Start,
    *,
    health: HealthRegistry,
    owner_header: str | None = None,
    store: SessionStore | None = None,
    llm: LLMProvider | None = None,
) -> Services:
    """Return the services that a configuration asks for.

    Args:
        start: What the service starts with.
        health: Where its parts report.
        owner_header: The header in which a trusted gateway says who asks.
        store: In place of the configured storage.
        llm: In place of the configured language model.
    """
    security = section(start, SecurityConfig, SecurityConfig())
    monitoring = section(start, MonitoringConfig, MonitoringConfig())
    limits = Limits(security.max_body_bytes, security.request_timeout)
    monitor = ProductionMonitor(_monitoring(monitoring))
    recovery = ProductionErrorRecovery(section(start, ErrorRecoveryConfig, ErrorRecoveryConfig()), listeners=(monitor,))
    storage_kind = "given"
    if store is None:
        store, storage_kind = stores.open_store(section(start, RedisConfig, None), security)
    guarded = GuardedStore(store, recovery, seconds=limits.storage_seconds)
    if llm is None:
        llm = stores.open_llm(section(start, LLMProviderConfig, LLMProviderConfig()), simulated=start.safe_mode)
    guard = stores.open_guard(section(start, EnvironmentConfig, EnvironmentConfig()), safe_mode=start.safe_mode)
    chain = IntentAnalyzerChain(IntentClassifier(llm))
    services = Services(
        start=start,
        store=guarded,
        llm=llm,
        guard=guard,
        chain=chain,
        orchestrator=WorkflowOrchestrator(
            chain=chain,
            strategies=StrategyGenerator(llm, allow_fallback=False),
            emails=EmailGenerator(llm, allow_fallback=False),
            guard=guard,
            recovery=recovery,
        ),
        recovery=recovery,
        monitor=monitor,
        health=health,
        limiter=RateLimiter(security.rate_limit_requests, security.rate_limit_window),
        limits=limits,
        history=ConversationHistoryManager(),
        owner_header=owner_header,
        health_prefix=monitoring.health_check_endpoint,
        storage_kind=storage_kind,
    )
    _tell_health(health, services)
    return services


def _monitoring(config: MonitoringConfig) -> MonitoringConfig:
    """Return how it is monitored; where nothing is sent, metrics are still there for whoever comes and asks."""
    return config.model_copy(update={"exporter": "prometheus"}) if config.where == "none" else config


def _tell_health(health: HealthRegistry, services: Services) -> None:
    health.add(contributors.configuration(services.start.report, critical=False))
    health.add(
        contributors.redis(services.store, name="redis" if services.storage_kind == "redis" else "session_store")
    )
    health.add(contributors.llm(services.llm))
    health.add(contributors.circuit_breakers(services.recovery))
    if services.safe_mode:
        health.add(_safe_mode())


def _safe_mode() -> Contributor:
    async def check() -> CheckResult:
        return CheckResult(Status.WARN, Problem.MISCONFIGURED, {})

    return Contributor(name="safe_mode", check=check, critical=False)


def get_services(request: Request) -> Services:
    """Return the services of the application that serves `request`."""
    services: Services = request.app.state.services
    return services


def get_owner(request: Request) -> str:
    """Return whose sessions `request` may touch."""
    return request.scope["state"].get("owner") or ANONYMOUS
