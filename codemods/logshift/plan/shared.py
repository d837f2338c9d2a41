"""Which loggers of a file become one, under which name, and which names go.

In: a file's facts, the bindings that are free to move, and what each has to keep (its way, its label, its own
name in the logging tree). Out: `Sharing` – decisions only, no edits.

Loggers that speak for one component and go one way share one module-level logger. A name that only they bind
goes, with its statement; where something else binds or needs the name, the logger is constructed in place.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from logshift._record import NamedTuple
from logshift.fit import uses_by_binding
from logshift.model import Binding, FileFacts, Form, NameKind, Scope, ScopeKind, Use, UseKind

#: Names for a new module-level logger, in order of preference.
NEW_NAMES = ("logger", "_logger", "module_logger", "_module_logger")
#: Those that a star import does not carry into other modules.
PRIVATE_NAMES = ("_logger", "_module_logger")


class Fate(Enum):
    """What becomes of one binding."""

    CONSTRUCT = "construct"  # the target's constructor takes the factory's place
    REFER = "refer"  # a reference to the shared logger does, with fields bound where there are some
    REMOVE = "remove"  # the statement goes, and every use refers to the shared logger


class Keeps(NamedTuple):
    """What a binding has to keep when it moves."""

    via: str | None  # the way its events go
    node: str | None  # source of an explicit name in the logging tree
    label: str | None  # source of the label on its events


class Shared(NamedTuple):
    """One logger that others become."""

    via: str | None
    name: str
    keeper: int | None  # the binding that makes it; None where it is made anew
    anew: bool  # it is made below the imports


class Sharing(NamedTuple):
    """What was decided."""

    fates: dict[int, Fate]
    shared: dict[int, Shared]  # by binding that is removed or refers
    made_anew: tuple[Shared, ...]
    gone: frozenset[tuple[int, str]]  # (scope, name) pairs that nothing binds any more


def share(
    facts: FileFacts,
    free: list[int],
    keeps: dict[int, Keeps],
    is_house: Callable[[Binding], bool],
    is_wanted_elsewhere: Callable[[str], bool],
    takes_label_on_calls: Callable[[int], bool],
    new_names: Callable[[], tuple[str, ...]],
    unties_import: Callable[[int], bool],
    apart: frozenset[int],
) -> Sharing:
    """Decide for each of the `free` bindings what becomes of it.

    Args:
        facts: The file.
        free: The legacy bindings that may move.
        keeps: What each of them has to keep.
        is_house: Whether a binding is one of the target's already.
        is_wanted_elsewhere: Whether another file needs a module-level name.
        takes_label_on_calls: Whether each call of a binding can carry its label, so that the logger itself has none.
        new_names: Names for a new module-level logger, in order of preference.
        unties_import: Whether an import would be left over if the statement of a binding went.
        apart: Those of the `free` that may run before any logger of the module is made.
    """
    together = [index for index in free if index not in apart]
    made = _Sharer(
        facts, together, keeps, is_house, is_wanted_elsewhere, takes_label_on_calls, new_names, unties_import
    ).decide()
    return made._replace(fates={**made.fates, **dict.fromkeys(apart, Fate.CONSTRUCT)})


class _Sharer:
    def __init__(
        self,
        facts: FileFacts,
        free: list[int],
        keeps: dict[int, Keeps],
        is_house: Callable[[Binding], bool],
        is_wanted_elsewhere: Callable[[str], bool],
        takes_label_on_calls: Callable[[int], bool],
        new_names: Callable[[], tuple[str, ...]],
        unties_import: Callable[[int], bool],
    ) -> None:
        self.facts = facts
        self.free = free
        self.keeps = keeps
        self.is_house = is_house
        self.is_wanted_elsewhere = is_wanted_elsewhere
        self.takes_label_on_calls = takes_label_on_calls
        self.new_names = new_names
        self.unties_import = unties_import
        self.uses = uses_by_binding(len(facts.bindings), facts.uses)
        self.declared = frozenset().union(*(scope.globals for scope in facts.scopes))
        self.borrowers: dict[str, list[Scope]] = {}
        for one in facts.scopes:
            for name in one.nonlocals:
                self.borrowers.setdefault(name, []).append(one)
        self.gone: set[tuple[int, str]] = set()
        self.fates = dict.fromkeys(free, Fate.CONSTRUCT)
        self.shared: dict[int, Shared] = {}
        self.made_anew: list[Shared] = []

    def decide(self) -> Sharing:
        by_way: dict[str | None, list[int]] = {}
        for index in self.free:
            if self.keeps[index].node is None:
                by_way.setdefault(self.keeps[index].via, []).append(index)
        for via, members in by_way.items():
            self._decide_way(via, members)
        return Sharing(self.fates, self.shared, tuple(self.made_anew), frozenset(self.gone))

    def _decide_way(self, via: str | None, members: list[int]) -> None:
        house = [i for i, binding in enumerate(self.facts.bindings) if self._is_house_logger(binding, via)]
        self._share(via, members, house)

    def _share(self, via: str | None, members: list[int], house: list[int]) -> None:
        if len(members) == 1 and not house and not self._is_made_on_the_spot(members[0]):
            return  # one logger, made once: it stays where it is
        keeper = self._keeper(house, members)
        others = [index for index in members if index != keeper]
        groups = self._groups_that_may_go(others)
        name = self.facts.bindings[keeper].targets[0] if keeper is not None else self._new_name(others, groups)
        removed = self._groups_that_see(name, groups)
        used = [index for index in removed if self._uses_by_name(index)]
        going = set(removed)
        referring = [index for index in others if index not in going and self._can_refer(index, name, keeper)]
        if not used and not referring:  # nobody reads the names that go
            self.fates.update(dict.fromkeys(removed, Fate.REMOVE))
            return
        early = keeper is not None and self._runs_before(keeper, removed, referring)
        if early and keeper in house:  # what is right already stays where it is, and is not yet there
            self.gone.difference_update(self._key([index]) for index in removed)
            self._share(via, members, [index for index in house if index != keeper])
            return
        anew = keeper is None or early
        one = Shared(via, name, keeper, anew)
        if anew:
            self.made_anew.append(one)
            if keeper is not None:
                self.fates[keeper] = Fate.REMOVE
                self.shared[keeper] = one
        for index in removed:
            self.fates[index] = Fate.REMOVE
            self.shared[index] = one
        for index in referring:
            self.fates[index] = Fate.REFER
            self.shared[index] = one

    # -- the logger that stays --------------------------------------------------------------------------------

    def _is_house_logger(self, binding: Binding, via: str | None) -> bool:
        given = dict(binding.initial)
        return (
            self.is_house(binding)
            and binding.form is Form.NAME
            and "name" not in given
            and given.get("via", "None").strip("'\"") == (via or "None")
        )

    def _is_made_on_the_spot(self, index: int) -> bool:
        binding = self.facts.bindings[index]
        return binding.form is Form.INLINE or (
            binding.form is Form.NAME and (binding.repeated or not binding.import_time)
        )

    def _keeper(self, house: list[int], members: list[int]) -> int | None:
        candidates = [index for index in [*house, *members] if self._is_module_name(index)]
        plain = [index for index in candidates if index in house or self._is_plain(index)]
        return min(plain, key=lambda index: self._preference(index, house), default=None)

    def _is_plain(self, index: int) -> bool:
        """Say whether the logger itself carries no fields, which would be on everybody's events."""
        labelled = self.keeps[index].label is not None
        return not self.facts.bindings[index].initial and (not labelled or self.takes_label_on_calls(index))

    def _preference(self, index: int, house: list[int]) -> tuple[bool, bool, bool, int]:
        labelled = index in self.keeps and self.keeps[index].label is not None
        usual = self.facts.bindings[index].targets[0].lower().strip("_") in ("logger", "log")
        return index not in house, labelled, not usual, index

    def _is_module_name(self, index: int) -> bool:
        binding = self.facts.bindings[index]
        return (
            binding.scope == 0
            and binding.sole
            and binding.statement >= 0
            and self.facts.statements[binding.statement].top
            and self.facts.scopes[0].bound.get(binding.targets[0]) == 1
        )

    def _new_name(self, members: list[int], groups: list[list[int]]) -> str:
        """Return a free name that every place which will use it sees as the module's."""
        going = {(self.facts.bindings[group[0]].scope, self.facts.bindings[group[0]].targets[0]) for group in groups}
        scopes = {self.facts.bindings[index].scope for index in members}
        scopes |= {use.scope for group in groups for index in group for use in self._uses_by_name(index)}
        taken = {one.name for one in self.made_anew} | set(self.facts.scopes[0].bound) - {
            name for scope, name in going if scope == 0
        }
        taken |= self.facts.free
        for name in self.new_names():
            if name not in taken and all(self._is_visible(name, scope, going) for scope in scopes):
                return name
        number = 1
        while any(f"_logger_{number}" in scope.bound for scope in self.facts.scopes) or f"_logger_{number}" in taken:
            number += 1
        return f"_logger_{number}"

    def _runs_before(self, keeper: int, removed: list[int], referring: list[int]) -> bool:
        """Say whether something could run into the shared logger above the line that makes it."""
        made = self.facts.statements[self.facts.bindings[keeper].statement].span.start
        calls_possible = self.facts.inert_until < made
        places = [(use.reference.start, use.import_time) for index in removed for use in self._uses_by_name(index)]
        places += [(self.facts.bindings[i].call.start, self.facts.bindings[i].import_time) for i in referring]
        return any(place < made and (at_import or calls_possible) for place, at_import in places)

    # -- the names that go --------------------------------------------------------------------------------------

    def _groups_that_may_go(self, members: list[int]) -> list[list[int]]:
        """Return the bindings whose statements may go, by name: all that bind a name, or none."""
        groups: dict[tuple[int, str], list[int]] = {}
        for index in members:
            binding = self.facts.bindings[index]
            bound = binding.initial or binding.name.kind is NameKind.COMPUTED  # fields of its own: it is no mere name
            if binding.form is Form.NAME and binding.sole and binding.statement >= 0 and not bound:
                groups.setdefault((binding.scope, binding.targets[0]), []).append(index)
        return [group for (scope, name), group in groups.items() if self._may_go(scope, name, group)]

    def _may_go(self, scope: int, name: str, members: list[int]) -> bool:
        home = self.facts.scopes[scope]
        if home.bound.get(name) != len(members) or home.dynamic or name in home.globals | home.nonlocals:
            return False
        if scope == 0 and (
            name in self.facts.exported
            or name in self.facts.doctested
            or name in self.declared
            or self.is_wanted_elsewhere(name)
        ):
            return False
        if any(self._lender(one, name) == scope for one in self.borrowers.get(name, ())):
            return False
        if any(self.unties_import(index) for index in members):
            return False
        uses = [use for index in members for use in self._uses_by_name(index)]
        together = set(members)
        labelled = any(self.keeps[index].label is not None for index in members)
        if labelled and len([use for use in uses if use.kind is not UseKind.CALL]) > 1:
            return False  # one logger in several hands is one object, with its label bound
        return all(
            use.sure
            and use.certain
            and use.kind is not UseKind.DELETE
            and not (use.quoted and self.keeps[index].label is not None)
            and self._has_one_label(use, together)
            for index in members
            for use in self._uses_by_name(index)
        )

    def _lender(self, borrower: Scope, name: str) -> int:
        """Return the scope whose `name` a function inside it says is not its own."""
        home = borrower.parent
        while home > 0:
            scope = self.facts.scopes[home]
            if scope.kind is not ScopeKind.CLASS and name in scope.bound and name not in scope.nonlocals:
                break
            home = scope.parent
        return home

    def _has_one_label(self, use: Use, members: set[int]) -> bool:
        return members.issuperset(use.bindings) and len({self.keeps[index].label for index in use.bindings}) == 1

    def _uses_by_name(self, index: int) -> list[Use]:
        name = self.facts.bindings[index].targets[0]
        return [use for use in self.uses[index] if use.text == name]

    def _groups_that_see(self, shared: str, groups: list[list[int]]) -> list[int]:
        """Take back the groups with a use that would not see the shared logger by its name."""
        going = {self._key(group): group for group in groups}
        while True:
            blind = [
                key
                for key, group in going.items()
                if not all(
                    self._is_visible(shared, use.scope, going) for index in group for use in self._uses_by_name(index)
                )
            ]
            if not blind:
                self.gone |= set(going)
                return [index for group in going.values() for index in group]
            for key in blind:
                del going[key]

    def _key(self, group: list[int]) -> tuple[int, str]:
        binding = self.facts.bindings[group[0]]
        return binding.scope, binding.targets[0]

    def _is_visible(self, name: str, scope: int, going: object) -> bool:
        """Say whether `name`, read in `scope`, will be the module's once the names in `going` are gone."""
        assert isinstance(going, (set, dict))
        current = scope
        while current != 0:
            one = self.facts.scopes[current]
            if name in one.globals:
                return True
            readable = one.kind is not ScopeKind.CLASS or current == scope
            if readable and name in one.bound and (current, name) not in going and (current, name) not in self.gone:
                return False
            current = one.parent
        return True

    def _can_refer(self, index: int, name: str, keeper: int | None) -> bool:
        """Say whether the factory call can become a reference to the shared logger."""
        binding = self.facts.bindings[index]
        if binding.form is Form.NAME:
            fields = binding.initial or self.keeps[index].label is not None
            at_run_time = not binding.sole and (keeper is not None or not binding.import_time)
            if not (fields or at_run_time):
                return False  # the name could not go, and a bare second name for the shared logger would be an alias
        in_class = self.facts.scopes[binding.scope].kind is ScopeKind.CLASS
        if name in binding.targets and (in_class or binding.scope == 0):
            return False
        return self._is_visible(name, binding.scope, set())
