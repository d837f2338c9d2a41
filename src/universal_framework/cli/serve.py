"""``universal-framework serve``: from a configuration to a service that ends as it should.

In: a configuration – the file that is named, the environment, or nothing at all. Out: a service on an address, log
lines on standard output, notes for people on standard error. Who names no file and sets nothing gets a trial: an
embedded Redis of its own, ended with it, and the simulation in place of a language model; it is said. Exit status: 0
after SIGTERM or Ctrl-C; 1 when it cannot be started, as when the port is taken; 2 when the command is wrong; 78 when
the configuration is invalid and fails closed.

The end, in order: readiness fails; after `--drain-seconds` nothing new is accepted, and what was accepted is answered;
jobs, metrics, log lines are brought to their end; the embedded Redis is stopped. A second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from universal_framework.config.issues import ConfigurationError
from universal_framework.config.loader import FILE_VARIABLE
from universal_framework.config.models import ComplianceConfig, EnvironmentConfig, MonitoringConfig
from universal_framework.config.production_validator import ProductionConfigValidator
from universal_framework.config.startup import EX_CONFIG, Start, start
from universal_framework.observability._settings import LoggingConfig
from universal_framework.observability.configuration import Configuration, configure_logging
from universal_framework.observability.configuration import ConfigurationError as LoggingConfigurationError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

logger = UniversalFrameworkLogger("serve")

NO_START: Final = 1

_NEEDED: Final = ("fastapi", "h11", "langgraph", "redis", "uvicorn")

#: Packages of others that tell too much at INFO.
_QUIET: Final = dict.fromkeys(("httpx", "httpx2", "httpcore", "httpcore2", "openai", "uvicorn"), "WARNING")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line and its variables say."""

    file: str | None
    host: str
    port: int
    log_format: str
    log_file: str | None
    audit: str | None
    owner_header: str | None
    health_token: str | None
    proxies: str | None
    drain_seconds: float
    offline: bool


class CannotStartError(Exception):
    """There is no service, for a reason that the person who started it can do something about."""


def _header_name(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Return the name of a header: one that no request can have would make everybody anonymous (RFC 9110, 5.6.2)."""
    if value is not None and not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", value, re.ASCII):
        raise click.BadParameter("is no name of a header, such as X-Authenticated-User")
    return value


def _address(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Return an address to listen on; an empty one would mean all of them."""
    if not value.strip():
        raise click.BadParameter("is empty; for all addresses write 0.0.0.0")
    return value


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=str))
@click.option(
    "--host", default="127.0.0.1", show_default=True, callback=_address, help="Address to listen on."
)  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="Port; 0: any free one.")
@click.option(
    "--log-format", type=click.Choice(["auto", "json", "console", "ecs", "otel"]), default="auto", show_default=True,
    help="Form of log lines; auto: console on a terminal, json elsewhere.",
)  # fmt: skip
@click.option("--log-file", type=click.Path(dir_okay=False), help="File for log lines, in place of standard output.")
@click.option("--audit", metavar="DIRECTORY", type=click.Path(file_okay=False), help="Keep an audit trail there.")
@click.option(
    "--owner-header", metavar="NAME", envvar="UNIVERSAL_FRAMEWORK_OWNER_HEADER", callback=_header_name,
    help="Header in which a trusted gateway says who asks; without it everybody is anonymous.",
)  # fmt: skip
@click.option(
    "--health-token", metavar="TOKEN", envvar="UNIVERSAL_FRAMEWORK_HEALTH_TOKEN",
    help="Who sends it as Authorization: Bearer sees details of health; better in the variable than here.",
)  # fmt: skip
@click.option(
    "--trusted-proxies", "proxies", metavar="ADDRESSES",
    help="Proxies whose X-Forwarded-For is believed, separated by commas.",
)  # fmt: skip
@click.option(
    "--drain-seconds", type=click.FloatRange(0, 3_600), default=1.0, show_default=True,
    help="Between failing readiness and the last accepted connection, for load balancers to notice.",
)  # fmt: skip
@click.option("--offline", is_flag=True, help="Start without asking Redis and the language model first.")
def main(**options: Any) -> None:
    """Run the service: its API below /api/workflow, a page at /, probes below /health, metrics at /metrics.

    FILE is the configuration; else the variable UNIVERSAL_FRAMEWORK_CONFIG names it. Without either, and without
    variables UF__SECTION__KEY, a trial starts: REDIS_URL and OPENAI_API_KEY are used where they are set, else an
    embedded Redis that is gone afterwards, and a simulation in place of the language model.
    """
    with ExitStack() as stack:
        stack.enter_context(_INTERRUPTS.handled())
        try:
            status = _serve(Options(**options), stack)
        except CannotStartError as error:
            click.echo(f"universal-framework serve: {error}", err=True)
            status = NO_START
        except KeyboardInterrupt:
            click.echo("universal-framework serve: stopped before it had started", err=True)
            status = 0
    sys.exit(status)


def _serve(options: Options, stack: ExitStack) -> int:
    """Return the exit status of a service, after its end."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CannotStartError(f"{', '.join(missing)} is not installed: pip install 'logshift[service]'")
    listener = stack.enter_context(_listening(options.host, options.port))
    stack.enter_context(_logging(options, None))
    validator = _validator(options, os.environ, stack)
    try:
        begun = asyncio.run(start(validator))
    except ConfigurationError as error:
        _tell_report(error)
        return EX_CONFIG
    if not begun.report.valid:
        _tell_report(ConfigurationError(begun.report))
        click.echo("The configuration is invalid; starting in safe mode, as it allows.", err=True)
    logs = stack.enter_context(_logging(options, begun))
    stack.enter_context(_routed(begun))
    return _run(begun, listener, options, logs)


def _run(begun: Start, listener: socket.socket, options: Options, logs: Configuration) -> int:
    """Serve until told to stop; only what starts at all loads the application."""
    import uvicorn

    from universal_framework.api.app import create_app
    from universal_framework.api.protocol import BACKLOG, EnvelopedProtocol, allow_connections
    from universal_framework.api.routes.health import HealthPolicy
    from universal_framework.health import contributors

    details = HealthPolicy("authorized", token=options.health_token) if options.health_token else None
    app = create_app(begun, owner_header=options.owner_header, health_policy=details)
    app.state.health.add(contributors.losses(logs))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=EnvelopedProtocol,
        lifespan="on",
        ws="none",
        server_header=False,
        proxy_headers=options.proxies is not None,
        forwarded_allow_ips=options.proxies,
        timeout_keep_alive=15,
        backlog=BACKLOG,
    )
    allow_connections()
    server = _server_of(config, options)
    asyncio.run(server.serve(sockets=[listener]))
    logs.flush(2.0)
    return 0 if server.started else NO_START


# -- configuration ----------------------------------------------------------------------------------------------------


def is_trial(file: str | None, environ: Mapping[str, str]) -> bool:
    """Return whether nobody has configured anything but, perhaps, one of Redis and the language model."""
    named = bool(file or environ.get(FILE_VARIABLE))
    overrides = any(name.upper().startswith("UF__") for name in environ)
    both = bool(environ.get("REDIS_URL")) and bool(environ.get("OPENAI_API_KEY"))
    return not named and not overrides and not both


def _validator(options: Options, environ: Mapping[str, str], stack: ExitStack) -> ProductionConfigValidator:
    """Return what finds the configuration; for a trial, with what stands in for what is missing, started."""
    if not is_trial(options.file, environ):
        return ProductionConfigValidator(options.file, online=not options.offline)
    arguments: dict[str, Any] = {"environment": {"name": "staging"}, "monitoring": {"datadog_enabled": False}}
    click.echo("No configuration is named: this is a trial.", err=True)
    if not environ.get("REDIS_URL"):
        config = _embedded_redis(stack)
        arguments["redis"] = config
        click.echo("  Redis: embedded, on a private socket; its sessions end with it. Or set REDIS_URL.", err=True)
    if not environ.get("OPENAI_API_KEY"):
        arguments["llm"] = {"provider": "simulation"}
        click.echo("  Language model: a simulation. Or set OPENAI_API_KEY.", err=True)
    return ProductionConfigValidator(os.devnull, arguments=arguments, online=not options.offline)


def _embedded_redis(stack: ExitStack) -> dict[str, Any]:
    from universal_framework.redis.local_server import LocalRedis, LocalRedisError

    server = LocalRedis()
    stack.callback(server.stop)
    try:
        with _INTERRUPTS.held():
            server.start()
    except LocalRedisError as error:
        raise CannotStartError(str(error)) from error
    config = server.config()
    return {**config.model_dump(exclude_defaults=True), "url": config.url.get_secret_value()}


def _tell_report(error: ConfigurationError) -> None:
    for issue in error.report.issues:
        click.echo(str(issue), err=True)
        if issue.hint:
            click.echo(f"    hint: {issue.hint}", err=True)
    if error.report.path == os.devnull:
        click.echo("What the trial was given cannot be used; without it, something stands in for it.", err=True)
    else:
        click.echo(f"{error.report.path}: invalid; `universal-framework config check` tells the same", err=True)


def _logging(options: Options, begun: Start | None) -> Configuration:
    """Log as the command line, the variables ``UF_LOG_…`` and then the configuration say, from now on."""
    sections = begun.sections if begun is not None else {}
    environment, compliance = sections.get("environment"), sections.get("compliance")
    level = environment.log_level if isinstance(environment, EnvironmentConfig) else "INFO"
    days = compliance.audit_retention_days if isinstance(compliance, ComplianceConfig) else 90
    try:
        audit = {"directory": options.audit if begun else None, "retention_days": days}
        base = LoggingConfig(level=level, levels=_QUIET, service="universal_framework", audit=audit)  # type: ignore[arg-type]
        from_environment = LoggingConfig.from_env(base=base)
        given: dict[str, Any] = {} if options.log_file is None else {"destination": options.log_file}
        if options.log_format != "auto":
            given["format"] = options.log_format
        return configure_logging(from_environment, **given)
    except LoggingConfigurationError as error:
        raise CannotStartError(f"logging: {error}") from error


@contextlib.contextmanager
def _routed(begun: Start) -> Iterator[None]:
    """Send log events to the collector too, inside, where the configuration asks for it."""
    monitoring = begun.sections.get("monitoring")
    if not isinstance(monitoring, MonitoringConfig) or not monitoring.otlp_logs:
        yield
        return
    from universal_framework.observability.otlp_router import OTLPRouter

    try:
        router = OTLPRouter.of(monitoring)
    except ValueError as error:
        raise CannotStartError(f"monitoring.otlp_logs: {error}") from error
    if router is None:
        yield
        return
    with contextlib.closing(router):
        router.attach()
        yield


# -- the address ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Have the address, before anything else is begun."""
    shown = f"[{host}]" if ":" in host else host
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio leaves Nagle on: 40 ms
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise CannotStartError(
            f"cannot listen on {shown}:{port}: {what}; choose another with --host, --port"
        ) from error
    except UnicodeError as error:
        raise CannotStartError(f"cannot listen on {port}: the host is no address; choose one with --host") from error
    with listener:
        listener.setblocking(False)
        yield listener


# -- the end ----------------------------------------------------------------------------------------------------------


class _Interrupts:
    """Before the service has its own handlers, SIGTERM ends it as Ctrl-C does: what was begun is undone."""

    def __init__(self) -> None:
        self._held = self._pending = False

    def __call__(self, _number: int, _frame: object) -> None:
        if not self._held:
            raise KeyboardInterrupt
        self._pending = True

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle both signals, inside."""
        before = {number: signal.signal(number, self) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait for the end of what must not be left half done."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._pending:
            raise KeyboardInterrupt


_INTERRUPTS: Final = _Interrupts()


def _server_of(config: uvicorn.Config, options: Options) -> Any:
    """Return the server; its class is made here, where uvicorn is there."""
    import uvicorn

    from universal_framework.api.leaving import last_call

    class Server(uvicorn.Server):
        """A server that fails readiness before it stops to listen."""

        _ending: asyncio.Task[None] | None = None

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.started and sockets:
                url = _url(sockets[0])
                logger.info("service_listening", url=url)
                click.echo(f"Serving on {url} – press Ctrl-C to stop.", err=True)
                limits = _services(config).limits
                config.timeout_graceful_shutdown = int(limits.request_seconds) + 5

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await last_call(self, sockets or [])
            await super().shutdown(sockets)

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._told, number)
            try:
                yield
            finally:
                for number in (signal.SIGTERM, signal.SIGINT):
                    loop.remove_signal_handler(number)

        def _told(self, number: signal.Signals) -> None:
            if self._ending is not None:
                logger.warning("service_stopped_at_once", signal=number.name)
                self.should_exit = self.force_exit = True
                return
            logger.info("service_draining", signal=number.name, seconds=options.drain_seconds)
            self._ending = asyncio.get_running_loop().create_task(self._end())

        async def _end(self) -> None:
            services = _services(config)
            if services is not None:
                services.drain()
                await asyncio.sleep(options.drain_seconds)
            self.should_exit = True

    return Server(config)


def _services(config: uvicorn.Config) -> Any:
    app: FastAPI = config.app  # type: ignore[assignment]
    return getattr(app.state, "services", None)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
