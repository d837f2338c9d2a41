"""What a run is told: immutable, complete, and light to import. Made by `logshift.config.load` from TOML.

The defaults stand here, once; a project without configuration gets them without a TOML parser being loaded.
"""

from __future__ import annotations

from logshift._record import NamedTuple
from logshift.frameworks import Contract, Framework, Target, helper, house, stdlib, structlog, wrapped
from logshift.frameworks._house_contract import CONTRACT

#: Folders that hold no code of the project; gitignore patterns.
DEFAULT_EXCLUDE = (
    ".bzr/", ".eggs/", ".git/", ".hg/", ".logshift/", ".mypy_cache/", ".nox/", ".pytest_cache/", ".ruff_cache/",
    ".svn/", ".tox/", ".venv/", "__pycache__/", "__pypackages__/", "node_modules/", "site-packages/", "venv/",
)  # fmt: skip

#: Where a gate's files lie in a project that does not say.
BASELINE, RATCHET = "logshift-baseline.jsonl", "logshift-ratchet.jsonl"


class Legacy(NamedTuple):
    """One ``[[tool.logshift.legacy]]`` table: a helper class or a wrapper function."""

    factory: str
    methods: tuple[tuple[str, str], ...] = ()
    channel: str | None = None


class TargetSettings(NamedTuple):
    """``[tool.logshift.target]``: the class that loggers move to, and how a file names its component."""

    module: str = house.MODULE
    cls: str = house.CLASS
    import_style: str = "absolute"
    components: tuple[tuple[str, str], ...] = ()
    contract: Contract = CONTRACT


class Settings(NamedTuple):
    """Everything a run is told."""

    root: str = "."
    file: str | None = None
    src: tuple[str, ...] = ("src", ".")
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    keep_channels: bool = True
    require_suppression_reason: bool = False
    baseline: str | None = None
    ratchet: str | None = None
    target: TargetSettings = TargetSettings()
    legacy: tuple[Legacy, ...] = ()
    digest: str = "default"

    def frameworks(self) -> tuple[tuple[Framework, ...], Target]:
        """Return the frameworks that count as legacy, and the target."""
        helpers = [helper.framework(one.factory, one.methods, one.channel) for one in self.legacy]
        target = house.target(self.target.module, self.target.cls, self.target.contract)
        return (stdlib.FRAMEWORK, structlog.FRAMEWORK, wrapped.FRAMEWORK, *helpers), target
