"""What recovery is told by the configuration: the section ``[error_recovery]``, as `config.models` has it.

In: a configuration, a table of one, or nothing; the environment. Out: the section, checked, and what a circuit needs of
it. All durations are seconds. Never: a second list of settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from universal_framework.config.environment import Kind, parse_text
from universal_framework.config.models import AgentRecoveryConfig, ErrorRecoveryConfig, ProductionConfig, Trigger
from universal_framework.workflow._breaker import BreakerSettings

__all__ = ["AgentRecoveryConfig", "ErrorRecoveryConfig", "Trigger", "breaker_settings", "settings_of"]

#: The rollback plan's switch.
ENABLED: Final = "UF__ERROR_RECOVERY__ENABLED"

_SWITCH: Final = Kind("bool", "true or false")

Config = Mapping[str, Any] | ProductionConfig | ErrorRecoveryConfig


def settings_of(config: Config | None, environ: Mapping[str, str]) -> ErrorRecoveryConfig:
    """Return the section of a configuration; of a table, after the switch in the environment.

    Args:
        config: What was configured and checked; the table ``[error_recovery]`` or a document that holds it; None for
            the defaults.
        environ: ``UF__ERROR_RECOVERY__ENABLED`` is read, unless it was when the configuration was made.

    Raises:
        ValueError: A setting is wrong or unknown; it names all that are.
    """
    if isinstance(config, ProductionConfig):
        return config.error_recovery
    if isinstance(config, ErrorRecoveryConfig):
        return config
    own = (config or {}).get("error_recovery", config or {})
    if not isinstance(own, Mapping):
        raise ValueError("error_recovery is not a table; write [error_recovery]")  # noqa: TRY004 - a wrong setting
    settings = dict(own)
    if ENABLED in environ:
        try:
            settings["enabled"] = parse_text(environ[ENABLED], _SWITCH)
        except ValueError as error:
            raise ValueError(f"{ENABLED} {error}") from None
    return ErrorRecoveryConfig.model_validate(settings)


def breaker_settings(policy: AgentRecoveryConfig) -> BreakerSettings:
    """Return the settings of an agent's circuit; a limit of 0 is none."""
    return BreakerSettings(
        failure_threshold=policy.circuit_breaker_threshold,
        failure_rate=policy.failure_rate_threshold,
        slow_seconds=policy.slow_call_seconds,
        slow_rate=policy.slow_call_rate_threshold,
        minimum_calls=policy.minimum_calls,
        window_calls=policy.sliding_window,
        window_seconds=policy.sliding_window_seconds or None,
        wait_open=policy.circuit_breaker_timeout,
        wait_multiplier=policy.wait_multiplier,
        wait_max=policy.wait_max,
        wait_jitter=policy.wait_jitter,
        probes=policy.permitted_in_half_open,
        probe_failure_rate=policy.half_open_failure_rate or None,
        half_open_max=policy.half_open_max_wait or None,
    )
