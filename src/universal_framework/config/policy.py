"""What is allowed but not wise, and what one section asks of another.

In: the sections that are valid. Out: findings, each about one key. The table of rules is below; a rule whose sections
are not all valid is not asked. Pure: no clock, no connection. Never: a value in a message.

| rule | production | staging |
|---|---|---|
| personal data is not detected although the GDPR is promised | error | warning |
| personal data is not detected | warning | – |
| the audit trail of a SOC 2 service is kept for less than 90 days | warning | warning |
| an invalid configuration does not stop the start | warning | – |
| log level DEBUG, safe mode, the simulation as provider | warning | – |
| a password, or headers for a collector, cross the network in the clear | warning | – |
| the provider needs a key and has none | error | error |
| more connections, requests or hours than a rule of thumb | warning | warning |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel

from universal_framework.config.issues import Severity
from universal_framework.config.models import (
    ComplianceConfig,
    EnvironmentConfig,
    LLMProviderConfig,
    MonitoringConfig,
    RedisConfig,
    SecurityConfig,
)

WARNING, ERROR = Severity.WARNING, Severity.ERROR

#: Rules of thumb: what a service of the ordinary kind stays below.
USUAL_CONNECTIONS: Final = 100
USUAL_REQUESTS: Final = 1_000
USUAL_SESSION_HOURS: Final = 720
SOC2_RETENTION_DAYS: Final = 90

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

_Section = TypeVar("_Section", bound=BaseModel)


class Finding(NamedTuple):
    """Something about the key at `path`."""

    code: str
    path: tuple[str, str]
    severity: Severity
    message: str
    hint: str


class MissingSectionError(LookupError):
    """A rule asks for a section that is not valid."""


class Valid:
    """The valid sections by their type."""

    def __init__(self, sections: Mapping[str, BaseModel]) -> None:
        self._by_type = {type(section): section for section in sections.values()}

    def get(self, section: type[_Section]) -> _Section:
        """Return the section of this type.

        Raises:
            MissingSectionError: it is not valid.
        """
        found = self._by_type.get(section)
        if not isinstance(found, section):
            raise MissingSectionError(section.__name__)
        return found

    def is_production(self) -> bool:
        """Return whether the rules of production hold, as they do when nobody can tell."""
        found = self._by_type.get(EnvironmentConfig)
        return not isinstance(found, EnvironmentConfig) or found.name == "production"


def findings(sections: Mapping[str, BaseModel]) -> Iterator[Finding]:
    """Yield what the rules find."""
    valid = Valid(sections)
    for rule in _RULES:
        try:
            yield from rule(valid)
        except MissingSectionError:
            continue


def _talkative(valid: Valid) -> Iterator[Finding]:
    if valid.is_production() and valid.get(EnvironmentConfig).log_level == "DEBUG":
        yield Finding(
            "environment.debug_logging", ("environment", "log_level"), WARNING,
            "DEBUG in production tells more than most should see", 'use "INFO"',
        )  # fmt: skip


def _safe_mode(valid: Valid) -> Iterator[Finding]:
    if valid.is_production() and valid.get(EnvironmentConfig).safe_mode:
        yield Finding(
            "environment.safe_mode", ("environment", "safe_mode"), WARNING,
            "agents answer by simulation, no language model is called", "set it to false when the incident is over",
        )  # fmt: skip


def _personal_data(valid: Valid) -> Iterator[Finding]:
    if valid.get(SecurityConfig).pii_detection:
        return
    promised = valid.get(ComplianceConfig).gdpr_compliance
    if promised or valid.is_production():
        severity = ERROR if promised and valid.is_production() else WARNING
        message = "is off although compliance.gdpr_compliance is promised" if promised else "is off"
        yield Finding("security.pii_detection", ("security", "pii_detection"), severity, message, "set it to true")


def _retention(valid: Valid) -> Iterator[Finding]:
    compliance = valid.get(ComplianceConfig)
    if compliance.soc2_compliance and compliance.audit_retention_days < SOC2_RETENTION_DAYS:
        yield Finding(
            "compliance.retention", ("compliance", "audit_retention_days"), WARNING,
            f"auditors of SOC 2 expect {SOC2_RETENTION_DAYS} days or more", f"keep {SOC2_RETENTION_DAYS} days or more",
        )  # fmt: skip


def _fail_open(valid: Valid) -> Iterator[Finding]:
    if valid.is_production() and not valid.get(ComplianceConfig).fail_closed_validation:
        yield Finding(
            "compliance.fail_open", ("compliance", "fail_closed_validation"), WARNING,
            "an invalid configuration will start the service in safe mode", "set it to true",
        )  # fmt: skip


def _simulation(valid: Valid) -> Iterator[Finding]:
    if valid.is_production() and valid.get(LLMProviderConfig).provider == "simulation":
        yield Finding(
            "llm.simulation", ("llm", "provider"), WARNING, "no language model answers in production", 'use "openai"'
        )


def _key(valid: Valid) -> Iterator[Finding]:
    llm = valid.get(LLMProviderConfig)
    if llm.provider == "openai" and llm.api_key is None:
        yield Finding(
            "llm.key_missing", ("llm", "api_key"), ERROR, "the provider needs a key",
            "set OPENAI_API_KEY, or llm.provider to simulation",
        )  # fmt: skip


def _plaintext(valid: Valid) -> Iterator[Finding]:
    url = valid.get(RedisConfig).url.get_secret_value()
    parts = urlsplit(url)
    exposed = parts.scheme == "redis" and parts.hostname not in LOOPBACK
    if valid.is_production() and exposed and has_password(url):
        yield Finding(
            "redis.plaintext",
            ("redis", "url"),
            WARNING,
            "the password crosses the network in the clear",
            "use rediss://",
        )


def _plain_headers(valid: Valid) -> Iterator[Finding]:
    monitoring = valid.get(MonitoringConfig)
    used = monitoring.otlp_logs or monitoring.where == "otlp"
    parts = urlsplit(monitoring.otlp_endpoint)
    exposed = used and parts.scheme == "http" and parts.hostname not in LOOPBACK
    if valid.is_production() and exposed and monitoring.otlp_headers is not None:
        yield Finding(
            "monitoring.plaintext", ("monitoring", "otlp_endpoint"), WARNING,
            "the headers for the collector cross the network in the clear", "use https://",
        )  # fmt: skip


def _generous(valid: Valid) -> Iterator[Finding]:
    for section, key, usual in (
        (RedisConfig, "max_connections", USUAL_CONNECTIONS),
        (SecurityConfig, "rate_limit_requests", USUAL_REQUESTS),
        (SecurityConfig, "max_session_age_hours", USUAL_SESSION_HOURS),
    ):
        try:
            value = getattr(valid.get(section), key)
        except MissingSectionError:
            continue
        if value > usual:
            name = "redis" if section is RedisConfig else "security"
            yield Finding(
                f"{name}.generous", (name, key), WARNING, f"is above the usual {usual}", "check that it is meant"
            )


_RULES: Final[tuple[Callable[[Valid], Iterator[Finding]], ...]] = (
    _talkative, _safe_mode, _personal_data, _retention, _fail_open, _simulation, _key, _plaintext,
    _plain_headers, _generous,
)  # fmt: skip


def has_password(url: str) -> bool:
    """Return whether an address holds a password, before the host or as a parameter."""
    parts = urlsplit(url)
    return bool(parts.password) or any(key == "password" and value for key, value in parse_qsl(parts.query))
