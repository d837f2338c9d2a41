"""What can be configured: a frozen model for each section, checked when it is made.

In: values that already have their types – TOML is typed, so a text is no number here. Out: models whose fields fit
together within their section. Durations are in seconds unless the name says hours or days. Never: a secret in a repr,
in a dump, or in the message of an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

_COMMON: Final = ConfigDict(
    extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, validate_default=True, allow_inf_nan=False
)

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Delay = Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]

REDIS_SCHEMES: Final = ("redis", "rediss", "unix")

_PLACEHOLDER = re.compile(
    r"(?i)<.*>|x{3,}|\.{3,}|\*{3,}|sk-(?:x+|\.+|\*+)|(?:your|my|insert|replace|change).*key.*|change-?me|todo|none|null"
    r"|dummy|secret|api[-_]?key|example"
)
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
_NODE = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")


def _wrong(code: str, message: str) -> PydanticCustomError:
    """Return an error with a code and words of ours: no input is in it, and no braces, which pydantic would fill."""
    return PydanticCustomError(code, message)


class EnvironmentConfig(BaseModel):
    """Where the service runs, and how talkative and careful it is."""

    model_config = _COMMON

    name: Literal["production", "staging"] = Field("production", description="Which environment this is.")
    debug: bool = Field(default=False, description="Show internals to callers; refused in production.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field("INFO", description="Least level told.")
    safe_mode: bool = Field(
        default=False, description="Agents run their simulation fallback and no language model is called."
    )

    @field_validator("debug")
    @classmethod
    def _no_debug_in_production(cls, debug: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        if debug and info.data.get("name") == "production":
            raise _wrong("config.production_debug", "must be false in production")
        return debug


class RedisConfig(BaseModel):
    """The Redis server that keeps the sessions, and how patiently it is asked."""

    model_config = _COMMON

    url: SecretStr = Field(..., description="redis://, rediss:// (TLS) or unix:// address; may hold a password.")
    max_connections: int = Field(50, ge=1, le=10_000, description="Connections of one process.")
    connection_timeout: Seconds = Field(5.0, description="Seconds to connect, and to wait for an answer.")
    health_check_interval: Seconds = Field(30.0, description="Seconds after which an idle connection is tried first.")
    retry_attempts: int = Field(3, ge=0, le=100, description="How often a command is tried again; 0 turns it off.")
    retry_delay: Delay = Field(1.0, description="Seconds before the first retry; then doubled, with jitter.")
    read_only_check: bool = Field(default=False, description="Check the server without writing to it.")
    cluster: bool = Field(default=False, description="The address is a node of a Redis Cluster.")
    sentinel_service: str | None = Field(None, min_length=1, description="Name of the primary that Sentinels watch.")
    sentinels: tuple[str, ...] = Field((), strict=False, description="The Sentinels, each as host:port.")

    @field_validator("url")
    @classmethod
    def _url_can_be_used(cls, url: SecretStr) -> SecretStr:
        problem = redis_url_problem(url.get_secret_value())
        if problem:
            raise _wrong("redis.url", problem)
        return url

    @field_validator("sentinels", mode="before")
    @classmethod
    def _sentinels_are_texts(cls, sentinels: Any) -> Any:
        if isinstance(sentinels, list | tuple):
            for node in sentinels:
                found = _NODE.fullmatch(node) if isinstance(node, str) else None
                if found is None or not 0 < int(found[1]) < 65_536:
                    raise _wrong("config.value", "every member must be host:port")
        return sentinels

    @field_validator("sentinels")
    @classmethod
    def _one_topology(cls, sentinels: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if bool(sentinels) != bool(info.data.get("sentinel_service")):
            raise _wrong("config.conflict", "sentinels and sentinel_service go together")
        if sentinels and info.data.get("cluster"):
            raise _wrong("config.conflict", "cluster and sentinels exclude each other")
        return sentinels


class SecurityConfig(BaseModel):
    """Limits that protect the service and the people in its sessions."""

    model_config = _COMMON

    rate_limit_requests: int = Field(100, ge=1, le=1_000_000, description="Requests of one caller within the window.")
    rate_limit_window: Seconds = Field(60.0, description="Length of that window in seconds.")
    session_timeout_hours: Annotated[float, Field(gt=0, le=8_760)] = Field(24.0, description="Idle hours of a session.")
    max_session_age_hours: Annotated[float, Field(gt=0, le=8_760)] = Field(
        168.0, description="Hours after which a session ends however busy it is."
    )
    pii_detection: bool = Field(default=True, description="Find and redact personal data.")
    max_body_bytes: int = Field(65_536, ge=1, le=67_108_864, description="Bytes that a request's body may have.")
    request_timeout: Seconds = Field(60.0, description="Seconds after which a request is given up.")

    @field_validator("max_session_age_hours")
    @classmethod
    def _timeout_within_age(cls, age: float, info: ValidationInfo) -> float:
        if info.data.get("session_timeout_hours", 0) > age:
            raise _wrong("security.session_limits", "must not be less than security.session_timeout_hours")
        return age


class MonitoringConfig(BaseModel):
    """What is measured, where it goes, and when somebody is told."""

    model_config = _COMMON

    datadog_enabled: bool = Field(default=False, description="Send metrics to Datadog.")
    metrics_interval: Seconds = Field(60.0, description="Seconds between two exports of metrics.")
    health_check_endpoint: str = Field("/health", description="Prefix of the health routes.")
    performance_logging: bool = Field(default=True, description="Log the duration of every execution at INFO.")
    error_rate_threshold: Share = Field(0.05, description="Share of failures at which an alert begins.")
    exporter: Literal["none", "dogstatsd", "otlp", "prometheus"] | None = Field(
        None, description="Where metrics go; by default dogstatsd if datadog_enabled, else none."
    )
    service_name: str = Field("universal_framework", min_length=1, description="What the service is called there.")
    dogstatsd_address: str = Field("udp://127.0.0.1:8125", description="udp://host:port or unix:///path of the agent.")
    otlp_endpoint: str = Field(
        "http://127.0.0.1:4318", description="Address of the collector, without /v1/metrics; of gRPC, as a rule, :4317."
    )
    otlp_protocol: Literal["http/json", "http/protobuf", "grpc"] = Field(
        "http/json", description="How it is spoken to; all but http/json need the extra otlp."
    )
    otlp_headers: SecretStr | None = Field(None, description="Headers for it: name=value,name=value, percent-encoded.")
    otlp_compression: Literal["gzip", "none"] = Field("gzip", description="How requests are compressed.")
    otlp_certificate: str | None = Field(
        None, min_length=1, description="File of the authorities to trust (PEM), in place of the system's."
    )
    otlp_client_certificate: str | None = Field(
        None, min_length=1, description="File of the certificate to show (PEM)."
    )
    otlp_client_key: str | None = Field(None, min_length=1, description="File of its key (PEM).")
    otlp_timeout: Seconds = Field(10.0, description="Seconds that a request with log events may take.")
    otlp_logs: bool = Field(default=False, description="Send log events to the collector, too.")
    flush_timeout: Seconds = Field(2.0, description="Seconds that a delivery of metrics may take, also at the end.")
    max_series: int = Field(2000, ge=10, le=1_000_000, description="Series of metrics kept at most.")
    alert_minimum_calls: int = Field(20, ge=1, le=1_000_000, description="Calls below which rates say nothing.")
    alert_window: Seconds = Field(300.0, description="Seconds over which the share of failures is taken.")
    alert_cooldown: Delay = Field(60.0, description="Seconds after an alert's end before it may begin again.")
    degradation_factor: Annotated[float, Field(gt=1, le=1_000)] = Field(
        2.0, description="How many times the usual duration is too slow."
    )
    degradation_floor: Delay = Field(1.0, description="Seconds below which nothing is too slow.")

    @property
    def where(self) -> str:
        """The exporter that is meant."""
        return self.exporter or ("dogstatsd" if self.datadog_enabled else "none")

    @property
    def otlp_header_pairs(self) -> tuple[tuple[str, str], ...]:
        """The headers by name."""
        return () if self.otlp_headers is None else otlp_headers(self.otlp_headers.get_secret_value())

    @field_validator("dogstatsd_address")
    @classmethod
    def _agent_can_be_reached(cls, address: str) -> str:
        if not _is_dogstatsd(address):
            raise _wrong("config.address", "must be udp://host:port or unix:///path")
        return address

    @field_validator("otlp_endpoint")
    @classmethod
    def _collector_can_be_reached(cls, url: str) -> str:
        problem = _http_url_problem(url)
        if problem or "?" in url or "#" in url:
            raise _wrong(
                "config.address", "must be http://host:port or https://host:port; credentials go to otlp_headers"
            )
        return url

    @field_validator("otlp_headers")
    @classmethod
    def _headers_can_be_sent(cls, headers: SecretStr | None) -> SecretStr | None:
        if headers is not None:
            try:
                otlp_headers(headers.get_secret_value())
            except ValueError as error:
                raise _wrong("config.headers", str(error)) from None
        return headers

    @field_validator("otlp_client_key")
    @classmethod
    def _key_has_a_certificate(cls, key: str | None, info: ValidationInfo) -> str | None:
        if bool(key) != bool(info.data.get("otlp_client_certificate")):
            raise _wrong("monitoring.client_certificate", "otlp_client_certificate and otlp_client_key go together")
        return key

    @field_validator("health_check_endpoint")
    @classmethod
    def _endpoint_is_a_prefix(cls, endpoint: str) -> str:
        if not _PATH.fullmatch(endpoint) or any(part in (".", "..") for part in endpoint.split("/")):
            raise _wrong("config.value", "must be a path such as /health: absolute, without slash at its end or ..")
        return endpoint


class LLMProviderConfig(BaseModel):
    """The language model, and how it is reached."""

    model_config = _COMMON

    provider: Literal["openai", "simulation"] = Field("openai", description="Who answers.")
    timeout: Seconds = Field(30.0, description="Seconds to wait for an answer.")
    max_retries: int = Field(3, ge=0, le=20, description="How often the client asks again.")
    model: str = Field("gpt-4", pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$", description="Name of the model.")
    temperature: Annotated[float, Field(ge=0, le=2)] = Field(0.7, description="How freely it writes.")
    base_url: str | None = Field(None, description="Address of the API, where it is not the provider's own.")
    api_key: SecretStr | None = Field(None, description="Key of the API; give it as ${OPENAI_API_KEY}.")

    @field_validator("base_url")
    @classmethod
    def _base_url_can_be_used(cls, url: str | None) -> str | None:
        problem = None if url is None else _http_url_problem(url)
        if problem:
            raise _wrong("llm.base_url", problem)
        return url

    @field_validator("api_key")
    @classmethod
    def _key_can_be_sent(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None:
            return None
        text = key.get_secret_value().strip()
        problem = key_problem(text)
        if problem:
            raise _wrong("llm.api_key", problem)
        return SecretStr(text)


class ComplianceConfig(BaseModel):
    """Promises to auditors."""

    model_config = _COMMON

    audit_retention_days: int = Field(90, ge=1, le=36_500, description="Days that the audit trail is kept.")
    gdpr_compliance: bool = Field(default=True, description="Personal data is treated as the GDPR asks.")
    soc2_compliance: bool = Field(default=True, description="Operations are recorded as SOC 2 asks.")
    fail_closed_validation: bool = Field(
        default=True, description="An invalid configuration stops the start; else the service starts in safe mode."
    )


class Trigger(StrEnum):
    """What a fallback is called for."""

    TIMEOUT = "timeout"
    FAILURE = "failure"
    REJECTION = "rejection"


class AgentRecoveryConfig(BaseModel):
    """How an agent is guarded. Where it is the table of one agent, what is not given is as for all.

    A limit of 0 is none. What the settings of the circuit mean is told by `workflow._breaker.BreakerSettings`.
    """

    model_config = _COMMON

    enabled: bool = Field(default=True, description="Guard agents; false calls them directly.")
    agent_timeout: Seconds = Field(30.0, description="Seconds that one execution may take.")
    fallback_timeout: Seconds = Field(5.0, description="Seconds that a fallback may take.")
    fallback_on: tuple[Annotated[Trigger, Field(strict=False)], ...] = Field(
        tuple(Trigger), strict=False, description="What a fallback is called for: timeout, failure, rejection."
    )
    max_concurrency: int | None = Field(None, ge=0, le=1_000_000, description="Executions of one agent at once.")
    circuit_breaker_threshold: int = Field(5, ge=0, le=10_000, description="Failures in a row that open a breaker.")
    circuit_breaker_timeout: Seconds = Field(60.0, description="Seconds that an open breaker waits at first.")
    failure_rate_threshold: Share = Field(0.5, description="Share of failures in the window that opens a breaker.")
    slow_call_seconds: Seconds = Field(20.0, description="Seconds from which an execution is slow.")
    slow_call_rate_threshold: Share = Field(1.0, description="Share of slow executions that opens a breaker.")
    sliding_window: int = Field(20, ge=1, le=100_000, description="The window: the last so many executions.")
    sliding_window_seconds: Delay | None = Field(None, description="The window: the last so many seconds, instead.")
    minimum_calls: int = Field(
        10, ge=1, le=100_000, description="Executions in the window below which rates say nothing."
    )
    permitted_in_half_open: int = Field(3, ge=1, le=10_000, description="Executions let through to try a breaker.")
    half_open_failure_rate: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Share of failures among those that opens it again; by default, the first failure does."
    )
    half_open_max_wait: Delay | None = Field(60.0, description="Seconds that a breaker waits for those.")
    wait_multiplier: Annotated[float, Field(ge=1, le=1_000)] = Field(
        2.0, description="By how much the wait grows each time those fail."
    )
    wait_max: Seconds = Field(600.0, description="Seconds that the wait grows to.")
    wait_jitter: Annotated[float, Field(ge=0, le=1)] = Field(0.1, description="Share of the wait added at random.")

    @property
    def window_fits(self) -> bool:
        """Whether the window holds as many executions as rates need."""
        return bool(self.sliding_window_seconds) or self.minimum_calls <= self.sliding_window


class ErrorRecoveryConfig(AgentRecoveryConfig):
    """Circuit breakers and deadlines of the agents."""

    sync_threads: int = Field(16, ge=1, le=10_000, description="Agents that are plain functions, at once.")
    unknown_agents: int = Field(
        100, ge=1, le=100_000, description="Breakers kept for agents that nobody registered; the longest unused goes."
    )
    agents: dict[str, AgentRecoveryConfig] = Field(default_factory=dict, description="What differs for single agents.")

    @field_validator("minimum_calls")
    @classmethod
    def _window_holds_what_rates_need(cls, calls: int, info: ValidationInfo) -> int:
        known = info.data
        if not known.get("sliding_window_seconds") and calls > known.get("sliding_window", calls):
            raise _wrong("error_recovery.window", _WINDOW)
        return calls

    @field_validator("agents")
    @classmethod
    def _windows_of_agents_do(
        cls, agents: dict[str, AgentRecoveryConfig], info: ValidationInfo
    ) -> dict[str, AgentRecoveryConfig]:
        small = [name for name, own in agents.items() if not _joined(info.data, own).window_fits]
        if small and "minimum_calls" in info.data:  # else that is wrong already
            error = _wrong("error_recovery.window", _WINDOW)
            where = [InitErrorDetails(type=error, loc=(name, "minimum_calls"), input=None) for name in small]
            raise ValidationError.from_exception_data(cls.__name__, where, hide_input=True)
        return agents

    def agent(self, name: str) -> AgentRecoveryConfig:
        """Return how the agent `name` is guarded; `enabled` is its own, the section's is the switch for all."""
        common = {key: getattr(self, key) for key in AgentRecoveryConfig.model_fields if key != "enabled"}
        return _joined(common, self.agents.get(name) or AgentRecoveryConfig())


#: Words without the numbers: an environment variable may have given them.
_WINDOW: Final = "must not be more than error_recovery.sliding_window, unless sliding_window_seconds is set"


def _joined(common: Mapping[str, Any], own: AgentRecoveryConfig) -> AgentRecoveryConfig:
    """Return what `own` gives over what is common to all; both are valid already."""
    given = {key: getattr(own, key) for key in own.model_fields_set}
    known = {
        key: value for key, value in common.items() if key in AgentRecoveryConfig.model_fields and key != "enabled"
    }
    return AgentRecoveryConfig.model_construct(**{**known, **given})


class ProductionConfig(BaseModel):
    """All that a service is told."""

    model_config = _COMMON

    environment: EnvironmentConfig = Field(default_factory=EnvironmentConfig)
    redis: RedisConfig
    security: SecurityConfig = Field(default_factory=SecurityConfig)
    monitoring: MonitoringConfig = Field(default_factory=MonitoringConfig)
    llm: LLMProviderConfig = Field(default_factory=LLMProviderConfig)
    compliance: ComplianceConfig = Field(default_factory=ComplianceConfig)
    error_recovery: ErrorRecoveryConfig = Field(default_factory=ErrorRecoveryConfig)


#: The sections by name, in the order of the file.
SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "environment": EnvironmentConfig,
    "redis": RedisConfig,
    "security": SecurityConfig,
    "monitoring": MonitoringConfig,
    "llm": LLMProviderConfig,
    "compliance": ComplianceConfig,
    "error_recovery": ErrorRecoveryConfig,
}


# -- what can be told about an address or a key without asking anybody ------------------------------------------


def redis_url_problem(url: str) -> str | None:
    """Return what is wrong with the address of a Redis server, in words without the address; None if nothing is."""
    if _has_blanks(url):
        return "must not hold blanks or control characters"
    try:
        parts = urlsplit(url)
        port = parts.port
        query = dict(parse_qsl(parts.query))
    except ValueError:
        return "is no valid URL: host or port cannot be read"
    if parts.scheme not in REDIS_SCHEMES:
        return "must begin with redis://, rediss:// or unix://"
    if parts.scheme == "unix":
        return None if len(parts.path) > 1 else "must name the socket, as in unix:///run/redis/redis.sock"
    if not parts.hostname or port == 0:
        return "must name a host, as in redis://host:6379/0"
    number = query.get("db", unquote(parts.path).strip("/"))
    return None if not number or re.fullmatch("[0-9]{1,6}", number) else "the database must be a number, as in /0"


def key_problem(key: str) -> str | None:
    """Return what is wrong with an API key, in words without the key; None if nothing is."""
    if not key:
        return "is empty"
    if "${" in key:
        return "holds a reference to a variable that nobody replaced"
    if _has_blanks(key) or not key.isascii():
        return "must not hold blanks, control characters or anything but ASCII"
    return "is a placeholder, not a key" if _PLACEHOLDER.fullmatch(key) else None


def otlp_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that a text in the format of ``OTEL_EXPORTER_OTLP_HEADERS`` names.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables

    Raises:
        ValueError: It is not in that format; the message holds nothing of it.
    """
    pairs = []
    for member in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (unquote(part.strip()) for part in member.partition("="))
        if not equals or not _TOKEN.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise ValueError("must be name=value,name=value; blanks, commas and the like as %20, %2C")
        pairs.append((name, value))
    return tuple(pairs)


def _is_dogstatsd(address: str) -> bool:
    try:
        parts = urlsplit(address)
        by_name = parts.scheme == "udp" and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        return False
    return not _has_blanks(address) and (by_name or (parts.scheme == "unix" and len(parts.path) > 1))


def _http_url_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or _has_blanks(url):
        return "must be an address such as https://host/v1"
    return "must not hold a user or a password" if parts.username or parts.password else None


def _has_blanks(text: str) -> bool:
    return any(char.isspace() or not char.isprintable() for char in text)
