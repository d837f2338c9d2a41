"""The configuration at the start of a service: valid, or no start, or a start in safe mode.

In: a validator. Out: what to start with. Where `compliance.fail_closed_validation` holds, as it does by default, an
invalid configuration is an error (a process ends with status 78, `EX_CONFIG` of sysexits.h); where it is false, the
service starts in safe mode with the sections that are valid. Never: a retry, a guess for what is missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from universal_framework.config.issues import ConfigurationError, ValidationReport
from universal_framework.config.models import ProductionConfig
from universal_framework.config.production_validator import ProductionConfigValidator
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("config_validator")

#: Exit status of a process whose configuration is wrong.
EX_CONFIG: Final = 78


@dataclass(frozen=True, slots=True)
class Start:
    """What a service starts with: the configuration, or in safe mode what of it is valid; and the report."""

    config: ProductionConfig | None
    sections: Mapping[str, BaseModel]
    report: ValidationReport

    @property
    def safe_mode(self) -> bool:
        """Whether agents answer by simulation: the configuration is invalid, or asks for it."""
        return self.config is None or self.config.environment.safe_mode


async def start(validator: ProductionConfigValidator) -> Start:
    """Validate and return what to start with.

    Raises:
        ConfigurationError: the configuration is invalid and fails closed.
    """
    report = await validator.validate_configuration()
    if report.valid:
        config = validator.config
        sections = {name: getattr(config, name) for name in type(config).model_fields}
        return Start(config, sections, report)
    logger.error("configuration_invalid", codes=list(report.codes()), fail_closed=validator.fail_closed)
    if validator.fail_closed:
        raise ConfigurationError(report)
    return Start(None, validator.sections, report)


def configured(
    validator: ProductionConfigValidator,
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Return a lifespan for an ASGI application: validates first, and keeps the `Start` as `app.state.start`."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        app.state.start = await start(validator)
        yield

    return lifespan
