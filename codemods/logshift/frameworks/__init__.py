"""What a logging framework is: how its loggers are made, what their names mean, what they can do.

One type, `Framework`, describes sources and targets alike. stdlib, structlog, a team's helper class and the
house logger are instances; nothing elsewhere asks for one of them by name, so that any can be moved to any.
"""

from __future__ import annotations

from logshift._record import NamedTuple

#: What the name given to a factory means.
NODE = "node"  # a place in a tree that holds levels and handlers: it must survive
LABEL = "label"  # a word for readers of the output: it becomes a field
COMPONENT = "component"  # the part of the program that speaks


class Contract(NamedTuple):
    """What a logger value can do: the promise that a use is held against."""

    methods: frozenset[str]
    attributes: frozenset[str]
    formatting: str  # "percent", "brace" or "none": what positional arguments are for
    fields: bool  # any other keyword is a field of the event
    reserved: frozenset[str]  # keywords with a meaning of their own
    stands_for: frozenset[str]  # types that it can be passed as
    constructor: frozenset[str] = frozenset()  # keywords that its constructor takes beside the component


class Factory(NamedTuple):
    """A callable that makes loggers."""

    path: str  # dotted, where it is defined or re-exported
    name_argument: str | None  # the keyword of the first positional argument, the logger's name
    binds_keywords: bool = False  # other keywords become bound fields
    wraps: bool = False  # the first argument is a logger to wrap, not a name
    detached: bool = False  # a class whose loggers have no place in the tree
    sets_up: bool = False  # does more than to make a logger: its call stays, the new logger takes its logger's name


class Framework(NamedTuple):
    """One way of logging."""

    name: str
    title: str
    factories: tuple[Factory, ...]
    name_means: str
    contract: Contract
    types: frozenset[str]  # annotations that name its logger
    derives: frozenset[str]  # methods that return a logger of the same origin
    emits: frozenset[str]  # methods that report an event
    configures: frozenset[str]  # methods and attributes that configure and report nothing
    root_functions: frozenset[str]  # module functions that log through the root logger
    tokens: tuple[bytes, ...]  # words without which a file cannot make such a logger
    methods: tuple[tuple[str, str], ...] = ()  # a helper's methods and what they are called on the target
    aliases: tuple[tuple[str, str], ...] = ()  # other ways to a dotted place, and the one it is known by
    root: str = ""  # where the logger at the root of the tree is found
    set_up_by: tuple[str, ...] = ()  # functions that say where events go; without a call of one they are printed
    channel: str | None = None  # the label under which a helper's events were reported

    @property
    def key(self) -> str:
        """What tells this framework from all others, two helper classes of one name included."""
        return f"{self.name}:{self.factories[0].path}"


class Target(NamedTuple):
    """Where loggers move to: a framework, and how its constructor is written."""

    framework: Framework
    module: str
    cls: str

    @property
    def path(self) -> str:
        """The dotted path of the class."""
        return f"{self.module}.{self.cls}"
