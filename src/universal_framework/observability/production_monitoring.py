"""Monitoring: how often workflows and agents run, how long they take, how often they fail – and word when that changes.

In: what happened, by ``record_…`` or as a listener of recovery. Out: sums to one exporter, every so many seconds, from
a thread of its own; alerts to the log, the exporter and whoever asked. Never: an exception into the caller, network on
the caller's thread, a user's or session's id in a metric, memory that grows with traffic.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

from pydantic import BaseModel

from universal_framework.config.models import MonitoringConfig, ProductionConfig
from universal_framework.observability import _pipeline
from universal_framework.observability._alerts import Alert, AlertKind, Degradation, ErrorRate
from universal_framework.observability._exporters import DogStatsD, Exporter, ExportError, Otlp, prometheus_text
from universal_framework.observability._metrics import Aggregate, Series
from universal_framework.observability._otlp import collector_of
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

__all__ = ["Alert", "AlertKind", "ProductionMonitor", "make_exporter", "settings_of"]

logger = UniversalFrameworkLogger("production_monitoring")

#: The closed set of error types; whatever else is recorded as one is "other".
ERROR_TYPES: Final = frozenset(
    {"timeout", "execution_error", "rejected", "no_fallback", "fallback_failed", "cancelled", "none"}
)
#: Alerts that wait for an exporter that does not deliver.
_ALERTS_KEPT: Final = 100

_OUTCOMES: Final = ("success", "failed", "abandoned")


def settings_of(config: Mapping[str, Any] | ProductionConfig | MonitoringConfig) -> MonitoringConfig:
    """Return the section ``[monitoring]`` of a configuration, or of a table of either.

    Raises:
        ValueError: A setting is wrong or unknown; it names all that are.
    """
    if isinstance(config, ProductionConfig):
        return config.monitoring
    if isinstance(config, MonitoringConfig):
        return config
    own = config.get("monitoring", config)
    return MonitoringConfig.model_validate(own if isinstance(own, BaseModel) else dict(own))


def make_exporter(config: MonitoringConfig) -> Exporter | None:
    """Return the exporter; None where nothing is sent: ``none``, and Prometheus, which comes and asks.

    Raises:
        ValueError: The collector cannot be used, or the protocol needs what is not installed.
    """
    tags = (("service.name", config.service_name),)
    if config.where == "dogstatsd":
        return DogStatsD(config.dogstatsd_address)
    return Otlp(collector_of(config), tags) if config.where == "otlp" else None


class _Execution(Protocol):
    """What recovery tells of an execution."""

    @property
    def agent(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def error_type(self) -> str | None: ...


class _Transition(Protocol):
    """What recovery tells of a circuit."""

    @property
    def agent(self) -> str: ...
    @property
    def before(self) -> str: ...
    @property
    def after(self) -> str: ...


class _Fallback(Protocol):
    """What recovery tells of a fallback."""

    @property
    def agent(self) -> str: ...
    @property
    def answered(self) -> bool: ...
    @property
    def seconds(self) -> float: ...


class ProductionMonitor:
    """Counts, measures, delivers, and raises alerts. A listener for `ProductionErrorRecovery`.

    Args:
        config: The configuration of the service, its section ``[monitoring]``, or a table of either.
        exporter: In place of the one that the configuration names.
        on_alert: Told of every alert, on the thread that noticed it.
        clock: Monotonic seconds.

    Attributes:
        is_enabled: Whether anything is recorded; `enable` and `disable` change it at any time.

    Raises:
        ValueError: A setting is wrong.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | ProductionConfig | MonitoringConfig,
        *,
        exporter: Exporter | None = None,
        on_alert: Callable[[Alert], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings_of(config)
        self.is_enabled = self.settings.where != "none" or exporter is not None
        self.aggregate = Aggregate(self.settings.max_series)
        self._exporter = exporter or make_exporter(self.settings)
        self._on_alert = on_alert
        self._clock = clock
        self._lock = threading.Lock()
        self._agents: dict[tuple[str, str, str], tuple[Series, Series]] = {}
        self._rates: dict[str, ErrorRate] = {}
        self._slowness: dict[str, tuple[Series, Degradation, tuple[int, ...]]] = {}
        self._alerts: list[Alert] = []
        self._told = {"flushes": 0, "send_errors": 0, "flush_timeouts": 0, "record_errors": 0, "alerts": 0}
        self._sending = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        _monitors.add(self)
        self._in_flight = self.aggregate.series("workflow.in_flight", kind="gauge")

    # -- what happened ----------------------------------------------------------------------------------------------

    def record_workflow_start(self, session_id: str, user_id: str) -> None:
        """Count a workflow that begins; who it is for goes to the log, hashed, and into no metric."""
        if self.is_enabled:
            self._guard(self._started, session_id, user_id)

    def record_workflow_completion(
        self, session_id: str, duration: float, outcome: Literal["success", "failed", "abandoned"] = "success"
    ) -> None:
        """Count a workflow that ends; `duration` is seconds."""
        if self.is_enabled:
            self._guard(self._completed, session_id, duration, outcome)

    def record_agent_execution(
        self,
        agent_name: str,
        duration: float,
        success: bool,
        error_type: str | None = None,
    ) -> None:
        """Count an execution of an agent; `duration` is seconds, `error_type` one of `ERROR_TYPES` or "other"."""
        if self.is_enabled:
            self._guard(self._executed, agent_name, duration, "success" if success else "failure", error_type)

    def on_execution(self, execution: _Execution, /) -> None:
        """Record what recovery tells: cancelled and refused executions are no failures of the agent."""
        if self.is_enabled:
            self._guard(
                lambda: self._executed(execution.agent, execution.seconds, str(execution.outcome), execution.error_type)
            )

    def on_transition(self, transition: _Transition, /) -> None:
        """Count a circuit's change."""
        if self.is_enabled:
            self._guard(self._changed, transition)

    def on_fallback(self, fallback: _Fallback, /) -> None:
        """Count a fallback."""
        if self.is_enabled:
            self._guard(self._fallen_back, fallback)

    def _guard(self, function: Callable[..., None], *args: object) -> None:
        """Call `function`; monitoring breaks nothing that it watches."""
        try:
            function(*args)
        except Exception:
            self._told["record_errors"] += 1
            logger.exception("metric_not_recorded")

    def _started(self, session_id: str, user_id: str) -> None:
        self.aggregate.series("workflow.started").inc()
        self._in_flight.add()
        logger.log_session_event(session_id, "workflow_started", user_id=_hashed(user_id))

    def _completed(self, session_id: str, duration: float, outcome: str) -> None:
        tags = (("outcome", outcome if outcome in _OUTCOMES else "other"),)
        self.aggregate.series("workflow.completed", tags).inc()
        self.aggregate.series("workflow.duration", tags, "histogram").observe(duration)
        self._in_flight.add(-1)
        logger.log_session_event(session_id, "workflow_completed", seconds=duration, outcome=tags[0][1])

    def _executed(self, agent: str, seconds: float, outcome: str, error_type: str | None) -> None:
        known = error_type if error_type in ERROR_TYPES else "none" if error_type is None else "other"
        key = (agent, outcome, known)
        pair = self._agents.get(key)
        if pair is None:
            tags = (("agent", agent), ("outcome", outcome), ("error_type", known))
            count = self.aggregate.series("agent.executions", tags)
            pair = count, self.aggregate.series("agent.duration", (("agent", agent),), "histogram")
            if len(self._agents) < self.settings.max_series:
                self._agents[key] = pair
        pair[0].inc()
        if outcome in {"success", "failure", "timeout"}:
            pair[1].observe(seconds)
            self._watch(agent, pair[1], failed=outcome != "success")
        if self.settings.performance_logging:
            logger.log_agent_execution(
                agent, duration_ms=round(seconds * 1000, 3), success=outcome == "success", outcome=outcome
            )

    def _changed(self, transition: _Transition) -> None:
        tags = (("agent", transition.agent), ("from", str(transition.before)), ("to", str(transition.after)))
        self.aggregate.series("circuit.transitions", tags).inc()

    def _fallen_back(self, fallback: _Fallback) -> None:
        tags = (("agent", fallback.agent), ("answered", str(fallback.answered).lower()))
        self.aggregate.series("agent.fallbacks", tags).inc()

    # -- alerts -----------------------------------------------------------------------------------------------------

    def _watch(self, agent: str, durations: Series, *, failed: bool) -> None:
        settings = self.settings
        with self._lock:
            rate = self._rates.get(agent)
            if rate is None:
                if len(self._rates) >= settings.max_series:
                    return
                common = {"minimum": settings.alert_minimum_calls, "cooldown": settings.alert_cooldown}
                rate = ErrorRate(agent, settings.error_rate_threshold, window=settings.alert_window, **common)  # type: ignore[arg-type]
                slow = Degradation(agent, settings.degradation_factor, settings.degradation_floor, **common)  # type: ignore[arg-type]
                self._rates[agent] = rate
                self._slowness[agent] = (durations, slow, tuple([0] * len(durations.buckets)))
            alert = rate.add(self._clock(), failed=failed)
        self._raise(alert)

    def check_alerts(self) -> None:
        """Look at all agents: end what is over, and judge the durations since the last look. Every delivery does."""
        now = self._clock()
        for agent in list(self._rates):
            with self._lock:
                alert = self._rates[agent].check(now)
                series, slow, before = self._slowness[agent]
                total = series.total()
                more = tuple(new - old for new, old in zip(total.buckets, before, strict=True))
                calls = sum(more)
                period = None
                if calls >= slow.minimum:
                    self._slowness[agent] = (series, slow, total.buckets)
                    since = type(total)(total.name, total.tags, total.kind, 0.0, calls, more)
                    period = slow.period(now, since.quantile(0.95), calls)
            self._raise(alert)
            self._raise(period)

    def _raise(self, alert: Alert | None) -> None:
        if alert is None:
            return
        self._told["alerts"] += 1
        tell = logger.error if alert.begins else logger.info
        tell(
            f"{alert.kind.value}_alert",
            agent=alert.agent,
            begins=alert.begins,
            value=round(alert.value, 4),
            threshold=round(alert.threshold, 4),
        )
        if self._on_alert is not None:
            self._guard(self._on_alert, alert)
        if self._exporter is not None:
            with self._lock:
                self._alerts.append(alert)
            self.flush_metrics()

    # -- delivery ---------------------------------------------------------------------------------------------------

    def enable(self) -> None:
        """Record from now on."""
        self.is_enabled = True

    def disable(self) -> None:
        """Record nothing from now on; what was recorded is still delivered."""
        self.is_enabled = False

    def start(self) -> None:
        """Deliver every `metrics_interval` seconds, from a thread that holds up no exit."""
        if self._thread is None or not self._thread.is_alive():  # a forked child has none
            self._stop.clear()
            self._thread = threading.Thread(target=self._deliver_for_ever, name="metrics", daemon=True)
            self._thread.start()

    def flush_metrics(self) -> None:
        """Ask for a delivery and return at once; it happens on the thread of `start`."""
        self._wake.set()

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver now, on another thread; return whether that was done within `timeout` seconds."""
        seconds = self.settings.flush_timeout if timeout is None else timeout
        done: list[bool] = []
        thread = threading.Thread(target=lambda: done.append(self._deliver(seconds)), name="flush", daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self._told["flush_timeouts"] += 1
        return done == [True]

    def shutdown(self, timeout: float | None = None) -> bool:
        """Deliver the rest and stop, within `timeout` seconds; what is lost then is counted and said."""
        self._stop.set()
        self._wake.set()
        delivered = self.flush(timeout)
        if not delivered and self._exporter is not None:
            logger.error("metrics_lost", points=self._waiting(), hint="is the receiver reachable?")
        return delivered

    def _deliver_for_ever(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self.settings.metrics_interval)
            self._wake.clear()
            if not self._stop.is_set():
                self._guard(self.check_alerts)
                self._deliver(self.settings.flush_timeout)

    def _deliver(self, seconds: float) -> bool:
        """Send what came in since the last delivery; what was not delivered stays for the next."""
        exporter = self._exporter
        if exporter is None:
            return True
        if not self._sending.acquire(timeout=seconds):
            return False
        alerts = self._taken_alerts()
        try:
            points, receipt = self.aggregate.take()
            while alerts:
                exporter.alert(alerts[0], seconds)
                alerts.pop(0)
            if points:
                exporter.send(points, seconds)
            self.aggregate.settle(receipt)
            self._told["flushes"] += 1
        except ExportError as error:
            self._told["send_errors"] += 1
            logger.warning("metrics_not_delivered", problem=str(error), retry_after=error.retry_after)
            return False
        except Exception:
            self._told["send_errors"] += 1
            logger.exception("metrics_exporter_failed")
            return False
        finally:
            with self._lock:
                self._alerts = (alerts + self._alerts)[-_ALERTS_KEPT:]
            self._sending.release()
        return True

    def _taken_alerts(self) -> list[Alert]:
        with self._lock:
            alerts, self._alerts = self._alerts, []
        return alerts

    def _forked(self) -> None:
        """In a forked child: locks that a thread of the parent may have held are new, and so is the thread."""
        running, self._thread = self._thread is not None, None
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        if isinstance(self._exporter, Otlp):
            self._exporter.after_fork()
        if running:
            self.start()

    def _waiting(self) -> int:
        return sum(point.kind != "gauge" for point in self.aggregate.take()[0])

    def telemetry(self) -> dict[str, int]:
        """Return what monitoring knows of itself: deliveries, errors, what was dropped, what waits."""
        return {
            **self._told,
            "series": len(self.aggregate),
            "dropped_series": self.aggregate.dropped_series,
            "dropped_points": self.aggregate.dropped_points,
            "rejected_points": getattr(self._exporter, "rejected", 0),
            "queue": self._waiting(),
        }

    def prometheus_text(self) -> str:
        """Return all series for a scrape."""
        return prometheus_text(self.aggregate.totals())


def _hashed(identity: str) -> str:
    """Return a user's id as a keyed hash, as the logger tells session ids."""
    return _pipeline.current().session_hash(identity)


_monitors: weakref.WeakSet[ProductionMonitor] = weakref.WeakSet()


def _after_fork() -> None:
    for monitor in list(_monitors):
        monitor._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
