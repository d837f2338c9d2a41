"""Write what can be derived: ``python tools/generate.py [--check]``.

Each artefact is made from the one place that knows it, and a test fails when a committed copy has drifted:
the target contract from the house logger's class; the pages on rules, configuration and commands from the
objects that run.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import pages

ROOT = Path(__file__).resolve().parent.parent


def house_contract() -> str:
    """Return the module that holds the contract of `UniversalFrameworkLogger`."""
    from universal_framework.observability.unified_logger import UniversalFrameworkLogger

    private = {"_log", "_context"}  # what LoggerAdapter and structlog.get_context reach for
    members = {
        name: inspect.getattr_static(UniversalFrameworkLogger, name)
        for name in dir(UniversalFrameworkLogger)
        if not name.startswith("_") or name in private
    }
    methods = {name for name, value in members.items() if inspect.isfunction(value)}
    constructor = inspect.signature(UniversalFrameworkLogger.__init__).parameters
    keywords = {name for name, parameter in constructor.items() if parameter.kind is parameter.KEYWORD_ONLY}
    return f'''"""The contract of the house logger. Generated from its class by ``tools/generate.py``; do not edit."""

from __future__ import annotations

from logshift.frameworks import Contract

CONTRACT = Contract(
    methods=frozenset(
        {_literal(methods)}
    ),
    attributes=frozenset(
        {_literal(set(members) - methods)}
    ),
    formatting="percent",
    fields=True,
    reserved=frozenset({_literal({"exc_info", "extra", "stack_info", "stacklevel"})}),
    stands_for=frozenset({_literal(_stands_for(UniversalFrameworkLogger))}),
    constructor=frozenset({_literal(keywords)}),
)
'''


def _stands_for(cls: type) -> set[str]:
    bases = {f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__[1:-1]}
    return bases | {"structlog.typing.BindableLogger", "structlog.typing.FilteringBoundLogger"}


def _literal(names: set[str]) -> str:
    return "{" + ", ".join(f'"{name}"' for name in sorted(names)) + "}"


def report_schema() -> str:
    """Return the JSON Schema of what ``--output-format json`` prints."""
    from logshift.report import document

    return document.schema()


def production_schema() -> str:
    """Return the schema of the configuration of a service."""
    from universal_framework.config.schema import schema_text

    return schema_text()


def config_schema() -> str:
    """Return the JSON Schema of ``[tool.logshift]``."""
    from logshift.config import load

    return load.config_schema()


ARTEFACTS: dict[str, Callable[[], str]] = {
    "config/production.schema.json": production_schema,
    "codemods/logshift/frameworks/_house_contract.py": house_contract,
    "docs/commands.md": pages.commands_page,
    "docs/configuration.md": pages.configuration_page,
    "docs/reasons.md": pages.reasons_page,
    "docs/rules.md": pages.rules_page,
    "docs/schema/config.json": config_schema,
    "docs/schema/report-1.json": report_schema,
}


def render(path: str) -> str:
    """Return what the artefact at `path` should hold, formatted as the repository is."""
    text = ARTEFACTS[path]()
    if path.endswith(".py"):
        import subprocess

        command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", path, "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def main(arguments: list[str]) -> int:
    """Write every artefact, or with ``--check`` name those that have drifted."""
    drifted = [path for path in ARTEFACTS if not (ROOT / path).exists() or (ROOT / path).read_text() != render(path)]
    for path in drifted:
        print(("drifted: " if "--check" in arguments else "wrote ") + path)
        if "--check" not in arguments:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(render(path))
    return 1 if drifted and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
