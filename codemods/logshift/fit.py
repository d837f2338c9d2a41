"""Holding what is done with a logger against what the target promises.

In: a binding, its uses, the framework it comes from and the target's contract. Out: None where every use means
the same on the target, or the first reason why a person has to look.
"""

from __future__ import annotations

from logshift._record import NamedTuple
from logshift.frameworks import NODE, Contract, Framework
from logshift.model import Binding, NameKind, Reason, Use, UseKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Misfit(NamedTuple):
    """Why a binding stays, and the use or the other file that holds it back, where it is not the binding itself."""

    reason: Reason
    use: Use | None = None
    detail: str = ""  # what else there is to say, such as the file that is in the way

    @property
    def unsafe(self) -> bool:
        """Whether the binding may move all the same, if a person wants it to."""
        return self.reason in (Reason.FACTORY_PATCHED, Reason.SOURCE_READ)


def uses_by_binding(bindings: int, uses: Iterable[Use]) -> list[list[Use]]:
    """Return for each of so many bindings the uses that it may arrive at."""
    found: list[list[Use]] = [[] for _ in range(bindings)]
    for use in uses:
        for index in use.bindings:
            found[index].append(use)
    return found


def misfit(binding: Binding, uses: Iterable[Use], framework: Framework, target: Contract) -> Misfit | None:
    """Return what keeps `binding` from moving to `target`; None if nothing does."""
    if binding.obstacle is not None:
        return Misfit(binding.obstacle)
    explicit = binding.name.kind in (NameKind.LITERAL, NameKind.COMPUTED) or binding.call_stays
    if framework.name_means == NODE and explicit and "name" not in target.constructor:
        return Misfit(Reason.NAME_LOST)
    if binding.initial and "bind" not in target.methods:
        return Misfit(Reason.UNKNOWN_METHOD)
    for use in uses:
        reason = _misfit_of_use(use, framework, target)
        if reason is not None:
            return Misfit(reason, use)
    return None


def _misfit_of_use(use: Use, framework: Framework, target: Contract) -> Reason | None:
    if use.kind is UseKind.CALL:
        return _misfit_of_call(use, framework, target)
    if use.context == "type" or use.member == "__class__":
        return Reason.WRONG_TYPE
    if use.kind in (UseKind.READ, UseKind.WRITE):
        known = use.member in target.methods or use.member in target.attributes
        return None if known or _comes_from_node(use.member, framework, target) else Reason.UNKNOWN_ATTRIBUTE
    if use.kind is UseKind.COMPARE:
        return Reason.COMPARED_BY_IDENTITY
    if use.context.startswith("isinstance:"):
        wanted = set(use.context.removeprefix("isinstance:").split(","))
        return None if wanted & target.stands_for else Reason.WRONG_TYPE
    return None


def _misfit_of_call(use: Use, framework: Framework, target: Contract) -> Reason | None:
    method = dict(framework.methods).get(use.member, use.member)
    if framework.methods and use.member not in dict(framework.methods) and use.member not in target.methods:
        return Reason.UNKNOWN_METHOD
    if method not in target.methods:
        return None if _comes_from_node(method, framework, target) else Reason.UNKNOWN_METHOD
    arguments = use.arguments
    if arguments is not None and method in framework.emits:
        messages = 2 if method in ("log", "alog") else 1
        if target.formatting == "none" and (arguments.positional > messages or arguments.star):
            return Reason.UNKNOWN_ARGUMENTS
        extra = set(arguments.keywords) - target.reserved
        if not target.fields and (extra or arguments.double_star):
            return Reason.UNKNOWN_ARGUMENTS
    return None


def _comes_from_node(member: str, framework: Framework, target: Contract) -> bool:
    """Say whether an unknown member may be one that the application added to `logging.Logger`.

    A target that is a `logging.Logger` has it then too.
    """
    return (
        framework.name_means == NODE
        and "logging.Logger" in target.stands_for
        and member not in framework.contract.methods | framework.contract.attributes
    )
