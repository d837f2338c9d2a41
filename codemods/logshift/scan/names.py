"""The dotted names that mean something to the scan: factories, and functions that log through the root.

In: the frameworks that count as legacy, and the target. Out: one table that `scan` looks names up in, and one
expression that tells from a file's bytes that it can hold no logger at all.
"""

from __future__ import annotations

import re

from logshift._record import NamedTuple
from logshift.frameworks import Factory, Framework

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _itself(dotted: str) -> str:
    """Stand for a project that is not known."""
    return dotted


class Names(NamedTuple):
    """What to look for."""

    factories: dict[str, tuple[Framework, Factory]]
    root_functions: frozenset[str]
    modules: frozenset[str]  # modules that a star import may bring factories from
    tokens: re.Pattern[bytes]
    frameworks: dict[str, Framework]
    aliases: dict[str, str]  # dotted places that are known by another name
    target: str  # the key of the framework that loggers move to
    origin: Callable[[str], str] = _itself  # where a dotted name that a module re-exports comes from


def is_called_like_a_factory(name: str) -> bool:
    """Say whether a function's name allows that it hands out loggers: only such are looked into."""
    return "log" in name.lower()


def table(legacy: Iterable[Framework], target: Framework) -> Names:
    """Return the table for moving loggers of `legacy` frameworks to `target`."""
    frameworks = [*legacy, target]
    factories = {factory.path: (framework, factory) for framework in frameworks for factory in framework.factories}
    words = sorted({re.escape(token) for framework in frameworks for token in framework.tokens})
    return Names(
        factories=factories,
        root_functions=frozenset(path for framework in frameworks for path in framework.root_functions),
        modules=frozenset(path.rpartition(".")[0] for path in factories),
        tokens=re.compile(b"|".join(words)),
        aliases={other: path for framework in frameworks for other, path in framework.aliases},
        frameworks={framework.key: framework for framework in frameworks},
        target=target.key,
    )
