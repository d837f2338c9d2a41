"""Recovery: agents run under a deadline and a circuit breaker, and a simulation answers where they do not.

In: an agent, its name, the state of a workflow. Out: a state of the same kind – the agent's, the fallback's (marked as
such), or the one that came in with an account of what went wrong. Never: an exception of the agent (the switch
`disable` aside), a state written to in place, an error's text that was not redacted, a retry (the provider's client
retries; a circuit counts what it makes of it, once).

Circuits live in one process and on one event loop. Cancellation, and what LangGraph raises to leave a node, pass
through and count as nothing.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from universal_framework.contracts.reducers import merge_recovery
from universal_framework.contracts.simulation import simulation
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.workflow import _agents, _states, nodes
from universal_framework.workflow._agents import Agent, Saturated, Threads
from universal_framework.workflow._breaker import (
    BreakerSettings,
    BreakerState,
    CircuitBreakerState,
    CircuitOpen,
    Reason,
)
from universal_framework.workflow._errors import (
    AgentTimeout,
    ErrorClass,
    ErrorType,
    Problem,
    classify,
    is_control_flow,
    is_failure,
    problem_of,
)
from universal_framework.workflow._expiry import Expiry
from universal_framework.workflow._listeners import (
    Execution,
    Fallback,
    Outcome,
    RecoveryListener,
    SilentListener,
    Transition,
)
from universal_framework.workflow._recovery_config import (
    AgentRecoveryConfig,
    Config,
    ErrorRecoveryConfig,
    Trigger,
    breaker_settings,
    settings_of,
)

__all__ = [
    "AgentRecoveryConfig",
    "AgentTimeout",
    "BreakerSettings",
    "BreakerState",
    "CircuitBreakerState",
    "CircuitOpen",
    "ErrorClass",
    "ErrorRecoveryConfig",
    "ErrorType",
    "Execution",
    "Fallback",
    "Outcome",
    "ProductionErrorRecovery",
    "Reason",
    "RecoveryListener",
    "SilentListener",
    "Transition",
    "Trigger",
    "classify",
    "is_failure",
    "merge_recovery",
]

S = TypeVar("S")
Simulation = Callable[..., Any]

logger = UniversalFrameworkLogger("production_error_recovery")

#: Until when the present task is to be done, in monotonic seconds.
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)

#: The plan's agents: their fallbacks, and the names under which graphs know them.
_PLANNED: Final[tuple[tuple[str, Simulation, tuple[str, ...]], ...]] = (
    ("requirements_agent", nodes.batch_requirements_collector, ("batch_requirements_collector",)),
    ("strategy_generator", nodes.strategy_generator, ()),
    ("confirmation_agent", nodes.strategy_confirmation_handler, ("strategy_confirmation_handler",)),
    ("email_generator", nodes.enhanced_email_generator, ("enhanced_email_generator",)),
)


class Mode(StrEnum):
    """What recovery does at all."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    """Agents are called as if there were no recovery."""
    SHADOW = "shadow"
    """Circuits watch; nothing is refused, timed out or answered in the agent's place."""


#: A member of an enumeration is looked up each time by a function of Python's; these are asked for in every call.
_DISABLED, _SHADOW, _SUCCESS, _AWAITED = Mode.DISABLED, Mode.SHADOW, Outcome.SUCCESS, _agents.Way.AWAITED


class _Guarded:
    """An agent as recovery knows it."""

    __slots__ = ("breaker", "fallback", "is_failure", "is_off", "limit", "name", "policy", "running", "seconds")

    def __init__(self, name: str, policy: AgentRecoveryConfig, breaker: CircuitBreakerState) -> None:
        self.name = name
        self.policy = policy
        self.seconds = policy.agent_timeout
        self.limit = policy.max_concurrency or None
        self.is_off = not policy.enabled
        self.breaker = breaker
        self.fallback: Agent | None = None
        self.is_failure: Callable[[Exception], bool] = is_failure
        self.running = 0


class ProductionErrorRecovery:
    """Runs agents so that their failures end here.

    Args:
        config: The configuration of the service, its section ``[error_recovery]``, or a table of either.
            ``UF__ERROR_RECOVERY__ENABLED`` goes before a table; in what was configured it is already.
        clock: Monotonic seconds.
        random: A number in [0, 1), for the jitter of waits.
        listeners: Told of executions, fallbacks and transitions.

    Raises:
        ValueError: A setting is wrong.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random.random,
        listeners: tuple[RecoveryListener, ...] = (),
    ) -> None:
        self.config = settings_of(config, os.environ)
        self._clock = clock
        self._random = random
        self._listeners = list(listeners)
        self._threads = Threads(self.config.sync_threads)
        self._agents: dict[str, _Guarded] = {}
        self._aliases: dict[str, str] = {}
        self._unknown: OrderedDict[str, _Guarded] = OrderedDict()
        self._mode = Mode.ENABLED if self.config.enabled else Mode.DISABLED
        self._counts: Counter[str] = Counter()
        self._transitions: Counter[tuple[BreakerState, BreakerState]] = Counter()
        self._rejections: Counter[Reason] = Counter()
        for name, fallback, aliases in _PLANNED:
            self.register(name, fallback=fallback, aliases=aliases)

    # -- who is guarded ---------------------------------------------------------------------------------------------

    def register(
        self,
        name: str,
        *,
        fallback: Simulation | str | None = None,
        aliases: tuple[str, ...] = (),
        agent: object = None,
        is_failure: Callable[[Exception], bool] = is_failure,
        policy: AgentRecoveryConfig | None = None,
    ) -> None:
        """Make `name` known, in place of what was registered under it.

        Args:
            name: The agent's name in states, metrics and configuration.
            fallback: What answers in its place: a function that takes the state, or ``"module:function"``. It must
                not call a language model and runs under `simulation`.
            aliases: Other names of the agent, as graphs have them.
            agent: The agent itself, to refuse at once what could not be guarded.
            is_failure: Which exceptions the circuit counts.
            policy: How it is guarded; by default as the configuration has it.

        Raises:
            ValueError: The fallback cannot be found, is the agent itself, or an alias belongs to another agent.
            TypeError: The agent or the fallback is a generator or cannot be called.
        """
        taken = [alias for alias in aliases if alias in self._agents or self._aliases.get(alias, name) != name]
        if taken or name in self._aliases:
            raise ValueError(f"{name}: the name {(taken or [name])[0]!r} belongs to another agent; choose another")
        guarded = self._new(name, policy or self.config.agent(name))
        guarded.is_failure = is_failure
        if fallback is not None:
            guarded.fallback = _agents.agent_of(_found(name, fallback))
        if agent is not None:
            _refuse_itself(guarded, _agents.agent_of(agent))
        self._agents[name] = guarded
        self._aliases.update(dict.fromkeys(aliases, name))

    def listen(self, listener: RecoveryListener) -> None:
        """Tell `listener` of everything from now on."""
        self._listeners.append(listener)

    @property
    def circuit_breakers(self) -> dict[str, CircuitBreakerState]:
        """The circuits by name: of registered agents and of names that were called without."""
        return {guarded.name: guarded.breaker for guarded in self._everybody()}

    def get_circuit_breaker(self, agent_name: str) -> CircuitBreakerState:
        """Return the circuit of an agent, by its name or an alias; that of an unknown one is made."""
        return self._guarded(agent_name).breaker

    def _new(self, name: str, policy: AgentRecoveryConfig) -> _Guarded:
        breaker = CircuitBreakerState(
            settings=breaker_settings(policy),
            name=name,
            clock=self._clock,
            random=self._random,
            on_transition=functools.partial(self._changed, name),
        )
        if self._mode is Mode.SHADOW:
            breaker.force(BreakerState.METRICS_ONLY)
        return _Guarded(name, policy, breaker)

    def _everybody(self) -> Iterator[_Guarded]:
        yield from list(self._agents.values())
        yield from list(self._unknown.values())

    def _guarded(self, name: str) -> _Guarded:
        known = self._agents.get(name) or self._agents.get(self._aliases.get(name, ""))
        if known is not None:
            return known
        if name in self._unknown:
            self._unknown.move_to_end(name)
            return self._unknown[name]
        logger.warning("agent_not_registered", agent=name, hint="call register(name, fallback=...) at start-up")
        guarded = self._unknown[name] = self._new(name, self.config.agent(name))
        if len(self._unknown) > self.config.unknown_agents:
            self._unknown.popitem(last=False)
        return guarded

    # -- the switch -------------------------------------------------------------------------------------------------

    @property
    def mode(self) -> Mode:
        """What recovery does at present."""
        return self._mode

    def enable(self) -> None:
        """Guard agents; circuits begin closed, except those forced open."""
        self._switch(Mode.ENABLED, BreakerState.CLOSED)

    def disable(self) -> None:
        """Call agents as if there were no recovery, from the next call on."""
        self._switch(Mode.DISABLED, BreakerState.CLOSED)

    def shadow(self) -> None:
        """Let circuits watch, and neither refuse nor time out nor answer for an agent."""
        self._switch(Mode.SHADOW, BreakerState.METRICS_ONLY)

    def _switch(self, mode: Mode, state: BreakerState) -> None:
        before, self._mode = self._mode, mode
        for guarded in self._everybody():
            if before is not mode and guarded.breaker.state is not BreakerState.FORCED_OPEN:
                guarded.breaker.force(state)
        logger.warning("error_recovery_switched", before=before.value, after=mode.value)

    def force_open(self, agent_name: str) -> None:
        """Refuse all calls of an agent until `reset`."""
        self.get_circuit_breaker(agent_name).force(BreakerState.FORCED_OPEN)

    def reset(self, agent_name: str) -> None:
        """Close the circuit of an agent and forget what was known of it."""
        shadow = self._mode is Mode.SHADOW
        self.get_circuit_breaker(agent_name).force(BreakerState.METRICS_ONLY if shadow else BreakerState.CLOSED)

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Let agents called inside take no longer than this together; an earlier deadline around stays.

        Raises:
            ValueError: `seconds` is not positive.
        """
        until = self._clock() + _positive(seconds, "deadline")
        around = _deadline.get()
        token = _deadline.set(until if around is None else min(until, around))
        try:
            yield
        finally:
            _deadline.reset(token)

    # -- running agents ---------------------------------------------------------------------------------------------

    async def call(
        self,
        agent_name: str,
        agent_func: Callable[..., Any],
        /,
        *args: Any,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return what an agent gives, under its deadline and circuit; no fallback, no state.

        Args:
            agent_name: Whose circuit it is.
            agent_func: The agent.
            args: What it is given.
            timeout: Seconds; by default the agent's.
            kwargs: What else it is given.

        Raises:
            CircuitOpen: It was refused.
            AgentTimeout: It took too long.
            ValueError: `timeout` is not positive.
            TypeError: The agent cannot be guarded.
            Exception: What the agent raises.
        """
        agent = _agents.agent_of(agent_func)
        if timeout is not None:
            _positive(timeout, "timeout")
        if self._mode is _DISABLED:
            return await _agents.invoke(agent, self._threads, args, kwargs)
        guarded = self._guarded(agent_name)
        if guarded.is_off:
            return await _agents.invoke(agent, self._threads, args, kwargs)
        result, _ = await self._run(guarded, agent, timeout, args, kwargs)
        return result

    async def execute_with_recovery(
        self,
        agent_name: str,
        agent_func: Callable[..., Any],
        state: S,
        timeout: float | None = None,
        **arguments: Any,
    ) -> S:
        """Return the state after an agent, its fallback, or with an account of why there is none.

        Args:
            agent_name: Its name or an alias.
            agent_func: A function of the state, coroutine function or plain, or an object with ``ainvoke``. It may
                return a state, some of its keys, None, or a `Command` (passed through untouched).
            state: A mapping, a pydantic model or a dataclass.
            timeout: Seconds; by default the agent's.
            arguments: What else the agent is given.

        Raises:
            ValueError: `timeout` is not positive.
            TypeError: The agent cannot be guarded, or the state is of no known kind.
            Exception: What the agent raises, while recovery is disabled or in shadow.
        """
        if state.__class__ is not dict:
            _states.kind_of(state)
        given, entry, error = await self._recovered(agent_name, agent_func, state, timeout, arguments)
        if entry is None or _states.is_command(given):
            return given  # type: ignore[no-any-return]
        name = self._guarded(agent_name).name
        try:
            after = _states.fold(state, given)
            return _states.with_updates(after, _states.books(state, after, name, entry, error))
        except Exception:
            logger.exception("recovery_books_failed", agent=name)
            return state if given is None else given

    def node(
        self,
        name: str,
        agent: Callable[..., Any],
        *,
        fallback: Simulation | str | None = None,
        schema: type | None = None,
        timeout: float | None = None,
        keep_books: bool = True,
    ) -> Callable[..., Any]:
        """Return a LangGraph node that runs `agent` under recovery and returns only the keys that changed.

        Guarded nodes that run side by side both write ``context_data``, ``error_recovery_state`` and
        ``recovery_attempts``: give these channels the reducer `merge_recovery`, or set `keep_books` to False.

        Args:
            name: The agent's name or an alias.
            agent: The agent.
            fallback: What answers in its place; by default the one registered.
            schema: The graph's state, to know which channels have reducers; by default what the agent's first
                parameter is annotated with.
            timeout: Seconds; by default the agent's.
            keep_books: Whether the account of the execution is written into the state.

        Raises:
            TypeError: The agent or the fallback cannot be guarded.
            ValueError: The fallback is the agent, cannot be found, or `timeout` is not positive.
        """
        if timeout is not None:
            _positive(timeout, "timeout")
        if fallback is not None:
            aliases = tuple(alias for alias, known in self._aliases.items() if known == name)
            self.register(self._aliases.get(name, name), fallback=fallback, agent=agent, aliases=aliases)
        _refuse_itself(self._guarded(name), _agents.agent_of(agent))
        reduced = _states.reducers(schema or _annotated_state(agent))

        async def guarded(state: Any, **arguments: Any) -> Any:
            before, own = _states.values(state), _states.handed(state)
            given, entry, error = await self._recovered(name, agent, own, timeout, arguments)
            if entry is None or _states.is_command(given):
                return given
            changed = {} if given is own and before == _states.values(own) else _states.changes(before, given, reduced)
            if keep_books:
                changed.update(_graph_books(before, changed, reduced, self._guarded(name).name, entry, error))
            return {key: value for key, value in changed.items() if _states.accepts(state, key)}

        functools.update_wrapper(guarded, inspect.unwrap(agent), updated=())
        return guarded

    async def _recovered(
        self,
        agent_name: str,
        agent_func: Callable[..., Any],
        state: Any,
        timeout: float | None,
        arguments: dict[str, Any],
    ) -> tuple[Any, dict[str, Any] | None, dict[str, Any] | None]:
        """Return what was given, how it came about, and the problem if there was one; only the first if not guarded."""
        agent = _agents.agent_of(agent_func)
        if timeout is not None:
            _positive(timeout, "timeout")
        if self._mode is _DISABLED:
            return await _agents.invoke(agent, self._threads, (state,), arguments), None, None
        guarded = self._guarded(agent_name)
        if guarded.is_off:
            return await _agents.invoke(agent, self._threads, (state,), arguments), None, None
        begun = self._clock()
        accept = None if self._mode is _SHADOW else _acceptable
        try:
            given, seconds = await self._run(guarded, agent, timeout, (state,), arguments, accept)
        except Exception as error:
            if self._mode is Mode.SHADOW or is_control_flow(error):
                raise
            problem, trigger = _told(guarded, error)
            logger.error(  # noqa: TRY400 - a refusal has no traceback worth its lines
                "agent_execution_failed",
                agent=guarded.name,
                error_type=problem.error_type.value,
                error_class=problem.error_class.value,
                error_id=problem.error_id,
                exc_info=None if isinstance(error, CircuitOpen) else error,
            )
            fallback = None if _is_itself(guarded, agent) else guarded.fallback
            return await self._fallen_back(guarded, fallback, state, problem, trigger, arguments, begun)
        return given, {"execution_time": seconds, "timestamp": _now(), "status": "success"}, None

    async def _run(
        self,
        guarded: _Guarded,
        agent: Agent,
        timeout: float | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        accept: Callable[[object], None] | None = None,
    ) -> tuple[Any, float]:
        """Return the agent's result and its seconds; every way out is counted here, once."""
        breaker, limit = guarded.breaker, guarded.limit
        shadow = self._mode is _SHADOW
        seconds = None if shadow else self._seconds(guarded, timeout)
        if limit is not None and guarded.running >= limit and not shadow:
            raise self._refused(guarded, CircuitOpen(guarded.name, None, Reason.BULKHEAD))
        era = breaker.admit()
        if era is None:
            raise self._refused(guarded, breaker.rejection())
        clock = self._clock
        begun = clock()
        guarded.running += 1
        expiry = None if seconds is None else Expiry(seconds)
        ours = False
        try:
            try:
                if agent.way is _AWAITED:
                    result = await agent.function(*args, **kwargs)
                else:
                    result = await _agents.invoke(agent, self._threads, args, kwargs)
            finally:
                ours = expiry is not None and expiry.end()
            if accept is not None:
                accept(result)
        except Saturated as error:
            breaker.release(era)
            raise self._refused(guarded, CircuitOpen(guarded.name, None, Reason.SATURATED)) from error
        except Exception as error:
            took = clock() - begun
            if expiry is not None and seconds is not None and expiry.expired:
                raise self._timed_out(guarded, era, took, seconds) from error
            self._failed(guarded, era, error, took)
            raise
        except BaseException as error:
            if ours and seconds is not None and isinstance(error, asyncio.CancelledError):
                raise self._timed_out(guarded, era, clock() - begun, seconds) from error
            breaker.release(era)
            self._ended(guarded, Outcome.CANCELLED, clock() - begun)
            raise
        finally:
            guarded.running -= 1
        took = clock() - begun
        breaker.record(era, False, took)
        self._counts["successful_executions"] += 1
        if self._listeners:
            self._tell("on_execution", Execution(guarded.name, _SUCCESS, took, None, None))
        return result, took

    def _timed_out(self, guarded: _Guarded, era: int, took: float, seconds: float) -> AgentTimeout:
        guarded.breaker.record(era, True, took)
        self._ended(guarded, Outcome.TIMEOUT, took, ErrorType.TIMEOUT, ErrorClass.TRANSIENT)
        return AgentTimeout(guarded.name, seconds)

    def _seconds(self, guarded: _Guarded, timeout: float | None) -> float:
        """Return what the agent may take: its time, or what is left until the deadline, less some for the fallback."""
        seconds = guarded.seconds if timeout is None else timeout
        until = _deadline.get()
        if until is None:
            return seconds
        left = until - self._clock()
        if left <= 0:
            raise self._refused(guarded, CircuitOpen(guarded.name, None, Reason.DEADLINE))
        reserve = min(guarded.policy.fallback_timeout, left / 4) if guarded.fallback else 0.0
        return min(seconds, left - reserve)

    def _failed(self, guarded: _Guarded, era: int, error: Exception, took: float) -> None:
        if is_control_flow(error):
            guarded.breaker.release(era)
            return
        if guarded.is_failure(error):
            guarded.breaker.record(era, True, took)
        else:
            guarded.breaker.release(era)
        self._ended(guarded, Outcome.FAILURE, took, ErrorType.EXECUTION_ERROR, classify(error))

    def _refused(self, guarded: _Guarded, refusal: CircuitOpen) -> CircuitOpen:
        self._rejections[refusal.reason] += 1
        self._ended(guarded, Outcome.REJECTED, 0.0, ErrorType.REJECTED)
        logger.warning(
            "circuit_breaker_activated",
            agent=guarded.name,
            state=guarded.breaker.state.value,
            reason=refusal.reason.value,
            retry_after=refusal.retry_after,
        )
        return refusal

    async def _fallen_back(
        self,
        guarded: _Guarded,
        fallback: Agent | None,
        state: Any,
        problem: Problem,
        trigger: Trigger,
        arguments: dict[str, Any],
        begun: float,
    ) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """Return what the fallback gives, or nothing; how; and the problem."""
        started = self._clock()
        given, status = None, "error"
        if trigger not in guarded.policy.fallback_on:
            pass
        elif fallback is None:
            if problem.error_type is ErrorType.REJECTED:
                problem = _with_type(problem, ErrorType.NO_FALLBACK, "No fallback strategy available")
        else:
            self._counts["fallback_activations"] += 1
            logger.info("fallback_started", agent=guarded.name, because=problem.error_type.value)
            try:
                given = await self._simulated(guarded, fallback, state, arguments)
                status = "fallback"
            except Exception as error:
                if is_control_flow(error):
                    raise
                self._counts["fallback_failures"] += 1
                second = problem_of(error, ErrorType.FALLBACK_FAILED)
                logger.exception("fallback_failed", agent=guarded.name, error_id=problem.error_id)
                problem = _with_type(
                    problem, ErrorType.FALLBACK_FAILED, f"fallback: {second.exception}: {second.message}"
                )
            took = self._clock() - started
            self._tell("on_fallback", Fallback(guarded.name, status == "fallback", took))
        now = _now()
        entry = {"execution_time": self._clock() - begun, "timestamp": now, "status": status}
        return given, entry, _error_info(guarded.name, problem, now)

    async def _simulated(self, guarded: _Guarded, fallback: Agent, state: Any, arguments: dict[str, Any]) -> Any:
        seconds = guarded.policy.fallback_timeout
        until = _deadline.get()
        if until is not None:
            seconds = min(seconds, max(until - self._clock(), 0.001))
        expiry = asyncio.timeout(seconds)
        try:
            with simulation():
                async with expiry:
                    given = await _agents.invoke(fallback, self._threads, (state,), _wanted(fallback, arguments))
        except TimeoutError as error:
            if expiry.expired():
                raise AgentTimeout(f"the fallback of {guarded.name}", seconds) from error
            raise
        _acceptable(given)
        return given

    # -- what is told -----------------------------------------------------------------------------------------------

    def get_metrics(self) -> dict[str, Any]:
        """Return counts since the start and the state of every circuit.

        ``total_executions`` is the sum of successful, failed, cancelled and rejected ones; what LangGraph interrupts
        is none. ``circuit_breaker_activations`` is another name of ``rejected_executions``.
        """
        counts = self._counts
        ended = {name: counts[name] for name in ("successful_executions", "failed_executions", "cancelled_executions")}
        rejected = counts["rejected_executions"]
        return {
            "total_executions": sum(ended.values()) + rejected,
            **ended,
            "rejected_executions": rejected,
            "circuit_breaker_activations": rejected,
            "rejections": {reason.value: number for reason, number in self._rejections.items()},
            "timeouts": counts["timeouts"],
            "fallback_activations": counts["fallback_activations"],
            "fallback_failures": counts["fallback_failures"],
            "listener_errors": counts["listener_errors"],
            "in_flight": sum(guarded.running for guarded in self._everybody()),
            "threads": self._threads.running,
            "abandoned": self._threads.abandoned,
            "mode": self._mode.value,
            "transitions": {f"{before}->{after}": number for (before, after), number in self._transitions.items()},
            "circuit_breakers": {guarded.name: self._circuit(guarded) for guarded in self._everybody()},
        }

    def _circuit(self, guarded: _Guarded) -> dict[str, Any]:
        breaker = guarded.breaker
        calls, failures, slow = breaker.window
        last = breaker.last_failure_time
        ago = None if last is None else timedelta(seconds=self._clock() - last)
        return {
            "state": breaker.state.value,
            "failure_count": breaker.failure_count,
            "last_failure": None if ago is None else (datetime.now(UTC) - ago).isoformat(),
            "retry_after": breaker.retry_after(),
            "window": {"calls": calls, "failures": failures, "slow": slow},
            "in_flight": guarded.running,
        }

    def _ended(
        self,
        guarded: _Guarded,
        outcome: Outcome,
        seconds: float,
        error_type: ErrorType | None = None,
        error_class: ErrorClass | None = None,
    ) -> None:
        self._counts[_COUNTED[outcome]] += 1
        if outcome is Outcome.TIMEOUT:
            self._counts["timeouts"] += 1
        if error_class is ErrorClass.CREDENTIALS:
            logger.critical("agent_credentials_refused", agent=guarded.name, hint="check the key and its permissions")
        if self._listeners:
            self._tell("on_execution", Execution(guarded.name, outcome, seconds, error_type, error_class))

    def _changed(self, name: str, before: BreakerState, after: BreakerState) -> None:
        self._transitions[before, after] += 1
        logger.warning("circuit_breaker_changed", agent=name, before=before.value, after=after.value)
        self._tell("on_transition", Transition(name, before, after))

    def _tell(self, method: str, news: Execution | Transition | Fallback) -> None:
        for listener in self._listeners:
            try:
                getattr(listener, method)(news)
            except Exception:
                self._counts["listener_errors"] += 1
                logger.exception("recovery_listener_failed", listener=type(listener).__name__, method=method)


_COUNTED: Final = {
    Outcome.FAILURE: "failed_executions",
    Outcome.TIMEOUT: "failed_executions",
    Outcome.REJECTED: "rejected_executions",
    Outcome.CANCELLED: "cancelled_executions",
}


_second: tuple[int, str] = (-1, "")


def _now() -> str:
    """Return the present time as `datetime.isoformat` writes it; only the fraction changes from call to call."""
    global _second  # noqa: PLW0603 - one value, replaced whole: another thread sees the old one or the new
    second, rest = divmod(time.time_ns(), 1_000_000_000)
    known, text = _second
    if second != known:
        text = datetime.fromtimestamp(second, UTC).isoformat()[:-6]
        _second = second, text
    return f"{text}.{rest // 1000:06d}+00:00"


def _positive(seconds: float, name: str) -> float:
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{name} is {seconds!r}; it must be more than 0 seconds, or None for the default")
    return seconds


def _acceptable(given: object) -> None:
    """Refuse what no state can be made of, as the agent's failure."""
    if given.__class__ is not dict and given is not None and not _states.is_command(given):
        _states.values(given)


def _found(name: str, fallback: Simulation | str) -> object:
    if not isinstance(fallback, str):
        return fallback
    module, _, attribute = fallback.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"fallback of {name}: {fallback!r} cannot be found; write 'module:function'") from error


def _is_itself(guarded: _Guarded, agent: Agent) -> bool:
    """Return whether an agent is its own fallback: it would fail the same way again."""
    return guarded.fallback is not None and guarded.fallback.function == agent.function


def _refuse_itself(guarded: _Guarded, agent: Agent) -> None:
    if _is_itself(guarded, agent):
        raise ValueError(f"the fallback of {guarded.name} is the agent itself; register another fallback")


def _told(guarded: _Guarded, error: Exception) -> tuple[Problem, Trigger]:
    """Return the problem in words, and what it is to the policy."""
    if isinstance(error, CircuitOpen) and error.agent == guarded.name:
        problem = Problem(
            ErrorType.REJECTED, str(error), ErrorClass.TRANSIENT, "CircuitOpen", retry_after=error.retry_after
        )
        return problem, Trigger.REJECTION
    if isinstance(error, AgentTimeout) and error.agent == guarded.name:
        return problem_of(error, ErrorType.TIMEOUT), Trigger.TIMEOUT
    return problem_of(error, ErrorType.EXECUTION_ERROR), Trigger.FAILURE


def _with_type(problem: Problem, error_type: ErrorType, more: str) -> Problem:
    return Problem(
        error_type,
        f"{problem.message}; {more}",
        problem.error_class,
        problem.exception,
        problem.error_id,
        problem.retry_after,
    )


def _error_info(agent: str, problem: Problem, now: str) -> dict[str, Any]:
    return {
        "agent_name": agent,
        "error_type": problem.error_type.value,
        "error_message": problem.message,
        "exception": problem.exception,
        "error_class": problem.error_class.value,
        "error_id": problem.error_id,
        "timestamp": now,
        "recovery_suggested": problem.error_class is ErrorClass.TRANSIENT,
        "retry_after": problem.retry_after,
    }


def _graph_books(
    before: Mapping[str, Any],
    changed: Mapping[str, Any],
    reduced: _states.Reducers,
    agent: str,
    entry: Mapping[str, Any],
    error: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the books' tables as a graph is told of them: changes for those merged by `merge_recovery`, else whole."""
    own = {key: value for key, value in changed.items() if reduced.get(key) is not merge_recovery}
    merged = {key: merge_recovery(before.get(key), changed[key]) for key in changed.keys() - own.keys()}
    told: dict[str, Any] = {}
    for key, value in _states.books(before, {**before, **own, **merged}, agent, entry, error).items():
        if reduced.get(key) is merge_recovery:
            told[key] = _states.difference(_states.table(before, key), value)
        elif value or _states.table(before, key):
            told[key] = value
    return {key: value for key, value in told.items() if value or key in own or key in before}


def _annotated_state(agent: Callable[..., Any]) -> type | None:
    """Return what the first parameter of an agent is annotated with, where that is a class."""
    function = inspect.unwrap(agent)
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = getattr(type(function), "__call__", function)  # noqa: B004 - its annotations are read
    try:
        hints = inspect.get_annotations(function, eval_str=True)
    except (NameError, TypeError):
        return None
    first = next((hint for name, hint in hints.items() if name != "return"), None)
    return first if isinstance(first, type) else None


def _wanted(fallback: Agent, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return those of the agent's arguments that its fallback takes too."""
    if not arguments:
        return arguments
    try:
        parameters = inspect.signature(fallback.function).parameters.values()
    except (TypeError, ValueError):
        return {}
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters):
        return arguments
    return {one.name: arguments[one.name] for one in parameters if one.name in arguments}
