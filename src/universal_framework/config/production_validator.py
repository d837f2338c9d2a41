"""Production configuration validation service.

In: where the configuration comes from. Out: a report of everything that is wrong with it – each finding at its line or
variable – and, where nothing is, the configuration. Offline it reads and judges; online it also tries Redis and the
provider of the language model, side by side, each within its time. Read once and kept; `reload` reads again. Never: a
secret in a report, an exception for what a configuration says.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from universal_framework.config import policy
from universal_framework.config.checks.llm_provider import check_llm
from universal_framework.config.checks.redis_server import check_redis
from universal_framework.config.issues import (
    DEFAULT,
    ConfigurationError,
    Issue,
    Origin,
    Path,
    Severity,
    Source,
    ValidationReport,
    dotted,
)
from universal_framework.config.loader import Loaded, choose_file, combine
from universal_framework.config.masking import masked
from universal_framework.config.models import (
    SECTIONS,
    AgentRecoveryConfig,
    ComplianceConfig,
    EnvironmentConfig,
    ErrorRecoveryConfig,
    LLMProviderConfig,
    MonitoringConfig,
    ProductionConfig,
    RedisConfig,
    SecurityConfig,
)
from universal_framework.config.sections import validate_sections, values
from universal_framework.config.toml_loader import load_toml
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

__all__ = [
    "AgentRecoveryConfig",
    "ComplianceConfig",
    "ConfigurationError",
    "EnvironmentConfig",
    "ErrorRecoveryConfig",
    "Examination",
    "Issue",
    "LLMProviderConfig",
    "MonitoringConfig",
    "ProductionConfig",
    "ProductionConfigValidator",
    "RedisConfig",
    "SecurityConfig",
    "Setting",
    "Severity",
    "Source",
    "ValidationReport",
    "examine",
]

logger = UniversalFrameworkLogger("config_validator")

#: Seconds that all online checks together may take.
DEADLINE: Final = 30.0

Findings = tuple[policy.Finding, ...]
OnlineCheck = Callable[[Any], Awaitable[Findings]]
#: The checks of dependencies by the section that each is about.
ONLINE_CHECKS: Final[Mapping[str, OnlineCheck]] = {"redis": check_redis, "llm": check_llm}

#: The settings that are secret, and the variable that each is best kept in; of an address, its password is.
_SECRETS: Final[Mapping[Path, str]] = {
    ("llm", "api_key"): "OPENAI_API_KEY",
    ("redis", "url"): "REDIS_URL",
    ("monitoring", "otlp_headers"): "OTEL_EXPORTER_OTLP_HEADERS",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One value in effect, as everybody may see it, and where it comes from."""

    path: Path
    shown: object
    source: Source


@dataclass(frozen=True, slots=True)
class Examination:
    """What can be said without asking anybody: the report, the sections that are valid, all of them where all are."""

    report: ValidationReport
    sections: Mapping[str, BaseModel]
    loaded: Loaded

    @property
    def config(self) -> ProductionConfig | None:
        """The configuration; None if the report has an error."""
        if not self.report.valid or len(self.sections) < len(SECTIONS):
            return None
        return ProductionConfig.model_validate(dict(self.sections))

    @property
    def fail_closed(self) -> bool:
        """Whether an invalid configuration stops the start: it does, unless a valid section says otherwise."""
        compliance = self.sections.get("compliance")
        return compliance.fail_closed_validation if isinstance(compliance, ComplianceConfig) else True

    def settings(self) -> Iterator[Setting]:
        """Yield every value of the valid sections, secrets masked, with its source."""
        for name, section in self.sections.items():
            for below, value in values(section):
                path = (name, *below)
                entry = self.loaded.entries.get(path)
                source = DEFAULT if entry is None else entry.source
                yield Setting(path, masked(path, value), source)


def examine(
    config_path: str | None, environ: Mapping[str, str], arguments: Mapping[str, Any] | None = None
) -> Examination:
    """Read and judge a configuration; `arguments` are nested tables that are stronger than everything else."""
    chosen = choose_file(config_path, environ)
    document = load_toml(chosen.path)
    loaded = combine(document, environ, arguments or {})
    unreadable = document.issue
    if unreadable is not None and (unreadable.code != "config.file_missing" or chosen.named):
        report = ValidationReport((unreadable, *loaded.issues), tuple(SECTIONS), chosen.path)
        return Examination(report, {}, loaded)
    sections = validate_sections(loaded)
    found = list(sections.issues)
    if unreadable is not None:  # nobody named it: the environment may say everything
        wanting = any(issue.code == "config.missing" for issue in found)
        found = [_missing_file(unreadable, wanting=wanting), *(one for one in found if one.code != "config.missing")]
    found += [*loaded.issues, *_literal_secrets(loaded)]
    found += [_issue(one, loaded) for one in policy.findings(sections.valid)]
    issues = tuple(_as_severe_as_here(issue, policy.Valid(sections.valid)) for issue in found)
    return Examination(ValidationReport(_in_order(issues), (), chosen.path), sections.valid, loaded)


class ProductionConfigValidator:
    """Production configuration validation service.

    `config_path` is the file; else the variable UNIVERSAL_FRAMEWORK_CONFIG names it, else it is
    `config/production.toml` or the like of the environment's name. `environ` takes the place of `os.environ`,
    `arguments` are nested tables stronger than everything else, `online` asks the dependencies too, all within
    `deadline` seconds.
    """

    def __init__(
        self,
        config_path: str | os.PathLike[str] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        arguments: Mapping[str, Any] | None = None,
        online: bool = True,
        deadline: float = DEADLINE,
        checks: Mapping[str, OnlineCheck] = ONLINE_CHECKS,
    ) -> None:
        self._config_path = None if config_path is None else os.fspath(config_path)
        self._environ = environ
        self._arguments = arguments
        self._checks = checks if online else {}
        self._deadline = deadline
        self._kept: tuple[Examination, ValidationReport] | None = None

    @property
    def config_path(self) -> str:
        """The absolute path of the file."""
        return choose_file(self._config_path, self._variables()).path

    @property
    def validation_errors(self) -> list[str]:
        """The errors of the last report, in a new list."""
        return list(self._kept[1].errors) if self._kept else []

    @property
    def validation_warnings(self) -> list[str]:
        """The warnings of the last report, in a new list."""
        return list(self._kept[1].warnings) if self._kept else []

    @property
    def config(self) -> ProductionConfig:
        """The configuration that was found valid.

        Raises:
            ConfigurationError: it was not, or nobody has validated it yet.
        """
        report = self._kept[1] if self._kept else ValidationReport()
        config = self._kept[0].config if self._kept else None
        if config is None or not report.valid:
            raise ConfigurationError(report)
        return config

    @property
    def fail_closed(self) -> bool:
        """Whether an invalid configuration stops the start; true until something valid says otherwise."""
        return self._kept[0].fail_closed if self._kept else True

    @property
    def sections(self) -> Mapping[str, BaseModel]:
        """The sections that are valid in themselves, by name."""
        return self._kept[0].sections if self._kept else {}

    async def validate_configuration(self) -> ValidationReport:
        """Validate the complete configuration; the report of the first time, until `reload`."""
        return self._kept[1] if self._kept else await self.reload()

    async def reload(self) -> ValidationReport:
        """Read and validate again. May run several times at once: nothing is shared before the end."""
        examination = await asyncio.to_thread(self.examine)
        report = await self._with_dependencies(examination)
        self._kept = (examination, report)
        logger.info(
            "configuration_validated",
            file=report.path,
            valid=report.valid,
            codes=list(report.codes()),
            skipped=list(report.skipped),
        )
        return report

    def examine(self) -> Examination:
        """Read and judge the configuration without asking a dependency; blocks for as long as the file takes."""
        return examine(self._config_path, self._variables(), self._arguments)

    def _variables(self) -> Mapping[str, str]:
        return os.environ if self._environ is None else self._environ

    async def _with_dependencies(self, examination: Examination) -> ValidationReport:
        """Ask all dependencies at once, each within what is left of the deadline."""
        report = examination.report
        possible = {name: check for name, check in self._checks.items() if name in examination.sections}
        skipped = [f"{name}: the section is not valid" for name in self._checks if name not in possible]
        environment = examination.sections.get("environment")
        if isinstance(environment, EnvironmentConfig) and environment.safe_mode and "llm" in possible:
            del possible["llm"]
            skipped.append("llm: in safe mode nobody is asked")
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._guarded(name, check, examination.sections[name]))
                for name, check in possible.items()
            ]
        found = [_issue(one, examination.loaded) for task in tasks for one in task.result()]
        return ValidationReport(_in_order((*report.issues, *found)), tuple(skipped), report.path)

    async def _guarded(self, name: str, check: OnlineCheck, section: BaseModel) -> Findings:
        first = next(iter(type(section).model_fields))
        try:
            async with asyncio.timeout(self._deadline) as limit:
                return await check(section)
        except TimeoutError:
            if not limit.expired():
                raise
            words = f"the check did not end within {self._deadline:g} s"
            return (policy.Finding(f"{name}.timeout", (name, first), Severity.ERROR, words, "is it reachable at all?"),)
        except Exception as error:  # a bug of ours or of a client: told and logged, never taken for a verdict
            reference = secrets.token_hex(4)
            logger.exception("configuration_check_failed", check=name, reference=reference)
            words = f"the check itself failed with {type(error).__name__}"
            hint = f"see the log for {reference}"
            return (policy.Finding("internal", (name, first), Severity.ERROR, words, hint),)


def _issue(finding: policy.Finding, loaded: Loaded) -> Issue:
    path: Path = finding.path
    if path in loaded.entries:
        source = loaded.source_of_value(path)
    else:
        source = loaded.source_of_key(path[:1]) if path[:1] in loaded.places else DEFAULT
    return Issue(finding.code, dotted(path), finding.message, source, finding.hint, finding.severity)


def _missing_file(issue: Issue, *, wanting: bool) -> Issue:
    """Return that there is no file: an error where something required is given nowhere."""
    severity = Severity.ERROR if wanting else Severity.WARNING
    return Issue(issue.code, "", issue.message, issue.source, issue.hint, severity)


def _literal_secrets(loaded: Loaded) -> Iterator[Issue]:
    """Yield a warning for every secret that the file itself says."""
    for path, variable in _SECRETS.items():
        entry = loaded.entries.get(path)
        if entry is not None and entry.literal and (path[-1] != "url" or _holds_password(entry.literal)):
            words, hint = "a secret stands in the file", f"use ${{{variable}}}"
            yield Issue("config.literal_secret", dotted(path), words, entry.source, hint, Severity.WARNING)


def _holds_password(url: str) -> bool:
    try:
        return policy.has_password(url)
    except ValueError:
        return False


def _as_severe_as_here(issue: Issue, valid: policy.Valid) -> Issue:
    """Return `issue`; outside production, an unknown variable is a warning."""
    if issue.code != "config.unknown_variable" or valid.is_production():
        return issue
    return Issue(issue.code, issue.path, issue.message, issue.source, issue.hint, Severity.WARNING)


def _in_order(issues: tuple[Issue, ...]) -> tuple[Issue, ...]:
    """Return the issues as they stand in the file: what is about the file first, then by place, then the variables."""

    def key(issue: Issue) -> tuple[int, int, int]:
        source = issue.source
        rank = 0 if source.origin is Origin.FILE else 1
        return rank, source.line or 0, source.column or 0

    return tuple(sorted(issues, key=key))
