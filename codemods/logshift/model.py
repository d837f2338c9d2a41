"""What crosses the rooms: places, facts, findings. Immutable values, light to import, nothing computed here.

Every place is a *byte span* of the file as it lies on disk; lines and columns are made from it where a
person reads them. Indices (`scope`, `statement`, `binding`) point into the tuples of the same `FileFacts`.
"""

from __future__ import annotations

from enum import Enum

from logshift._record import NamedTuple


class Span(NamedTuple):
    """Bytes `start` up to, not including, `end`."""

    start: int
    end: int

    def holds(self, other: Span) -> bool:
        """Say whether `other` lies within this span."""
        return self.start <= other.start and other.end <= self.end


class Applicability(str, Enum):
    """What may be done about a finding without a person."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    MANUAL = "manual"

    __str__ = str.__str__


class Reason(str, Enum):
    """Why a finding is left to a person: a closed list, each explained in `logshift.reasons`."""

    STAR_IMPORT = "star-import"
    FACTORY_ESCAPES = "factory-escapes"
    DYNAMIC_ACCESS = "dynamic-access"
    OPTIONAL_DEPENDENCY = "optional-dependency"
    CONDITIONAL = "conditional"
    ROOT_LOGGER = "root-logger"
    DETACHED_LOGGER = "detached-logger"
    CUSTOM_PIPELINE = "custom-pipeline"
    UNKNOWN_METHOD = "unknown-method"
    UNKNOWN_ATTRIBUTE = "unknown-attribute"
    UNKNOWN_ARGUMENTS = "unknown-arguments"
    COMPARED_BY_IDENTITY = "compared-by-identity"
    WRONG_TYPE = "wrong-type"
    NAME_LOST = "name-lost"
    FACTORY_PATCHED = "factory-patched"
    SOURCE_READ = "source-read"
    INSIDE_FSTRING = "inside-fstring"
    UNSUPPORTED_ENCODING = "unsupported-encoding"
    IMPORT_CYCLE = "import-cycle"
    PROOF_FAILED = "proof-failed"
    SUPPRESSED = "suppressed"

    __str__ = str.__str__


class NameKind(str, Enum):
    """How a logger's name is given where it is made."""

    NONE = "none"
    MODULE = "module"  # __name__
    LITERAL = "literal"
    COMPUTED = "computed"

    __str__ = str.__str__


class Form(str, Enum):
    """Where the value of a factory call goes."""

    NAME = "name"  # logger = …
    ATTRIBUTE = "attribute"  # self.logger = …, or a name in a class body
    INLINE = "inline"  # ….info("…")
    VALUE = "value"  # an argument, a default, an element, a returned value

    __str__ = str.__str__


class UseKind(str, Enum):
    """What is done with a logger where it is referred to."""

    CALL = "call"  # logger.info(…)
    READ = "read"  # logger.name, logger.info handed on
    WRITE = "write"  # logger.disabled = True
    BIND = "bind"  # other = logger
    DELETE = "delete"  # del logger
    COMPARE = "compare"  # logger is other
    ESCAPE = "escape"  # passed, returned, stored, …

    __str__ = str.__str__


class ScopeKind(str, Enum):
    """The kinds of Python scope."""

    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    LAMBDA = "lambda"
    COMPREHENSION = "comprehension"

    __str__ = str.__str__


class LoggerName(NamedTuple):
    """A logger's name: the literal's value, or the source text of a computed one.

    `certain` says of a computed name that it is text and not empty; `logging.getLogger` takes anything empty
    for the root logger.
    """

    kind: NameKind
    text: str = ""
    certain: bool = True


class Scope(NamedTuple):
    """One scope: what it binds, and whether code in it may reach names in ways that cannot be seen."""

    kind: ScopeKind
    qualname: str
    parent: int
    bound: dict[str, int]  # how many definitions each name has here
    globals: frozenset[str]
    nonlocals: frozenset[str]
    dynamic: bool


class Statement(NamedTuple):
    """A simple statement that may be edited."""

    span: Span
    line: Span  # the logical line: all statements that share it, and its comment; no indentation, no newline
    alone: bool  # nothing else stands on the logical line
    block: int  # statements of one suite share this number
    block_size: int
    top: bool  # directly in the module's body


class Arguments(NamedTuple):
    """The shape of a call's arguments."""

    positional: int
    keywords: tuple[str, ...]
    star: bool
    double_star: bool


class Binding(NamedTuple):
    """A place that makes a logger."""

    framework: str
    factory: str
    callee: str  # the factory as the file calls it, by way of its imports; a name that is bound otherwise stays
    name: LoggerName
    form: Form
    targets: tuple[str, ...]  # "logger", "self.logger"
    scope: int
    call: Span  # the factory call
    statement: int  # -1 in the header of a compound statement
    initial: tuple[tuple[str, str], ...]  # bound fields given to the factory: name, source text
    import_time: bool
    repeated: bool  # in a loop of its scope
    sole: bool  # the statement is `target = <this call>`, one plain name
    annotation: Span | None  # the target's annotation, where it names a logger type of the framework
    configuration: bool  # it only configures logging
    obstacle: Reason | None  # what the file itself shows to stand in the way
    channel: str | None  # a label that helper loggers carry
    quotes: str  # of the f-strings around the call, which may not stand in it before Python 3.12
    canonical: str  # the statement as facts, for the fingerprint
    call_stays: bool = False  # the factory does more than to make a logger
    returned: bool = False  # by the function that makes it, at once


class Use(NamedTuple):
    """A place that refers to a logger."""

    bindings: tuple[int, ...]  # those that may arrive here
    certain: bool  # nothing else can arrive
    derived: bool  # through bind() and the like
    kind: UseKind
    reference: Span
    text: str  # the reference as written: "debug_logger", "self.logger"
    member: str
    scope: int
    import_time: bool
    call: Span | None
    function: Span | None  # of a call: `logger.info`
    arguments: Arguments | None
    context: str  # for an escape: "argument", "returned", "stored:attribute", …
    sure: bool  # the bytes at `reference` are known to be the reference
    quoted: bool  # inside an f-string, whose quotes may not stand in an edit before Python 3.12


class Import(NamedTuple):
    """One name that an import statement binds."""

    statement: int
    scope: int
    bound: str
    path: str  # what the bound name stands for, absolute and dotted; "pkg.*" for a star
    full: str  # what is imported: "logging.config" where the name bound is "logging"
    alias: int  # index in the statement
    aliases: int  # how many the statement has
    guarded: bool  # in `try` with an ImportError handler, or under TYPE_CHECKING: never removed
    kept: bool  # a noqa comment, __all__, a doctest or a string needs it
    references: tuple[Span, ...]


class RootCall(NamedTuple):
    """A call of the root logger by a module function such as ``logging.info``, or by a root binding."""

    span: Span
    scope: int
    function: str


class FactoryReference(NamedTuple):
    """A factory that is handed on without being called."""

    span: Span
    scope: int
    factory: str
    reason: Reason


class HeaderKind(str, Enum):
    """What stands at the top of a module, before its code."""

    DOCSTRING = "docstring"
    FUTURE = "future"
    IMPORT = "import"  # import x
    FROM = "from"  # from x import y
    GUARDED = "guarded"  # try/if around imports
    PATH = "path"  # sys.path edits between imports

    __str__ = str.__str__


class HeaderLine(NamedTuple):
    """One statement of a module's head, in order."""

    kind: HeaderKind
    line: Span
    module: str  # of imports: dotted, with leading dots where relative
    names: tuple[str, ...]


class HandsOut(NamedTuple):
    """A function of a module that returns loggers that it makes, and nothing else."""

    name: str
    bindings: tuple[int, ...]


class Suppression(NamedTuple):
    """A comment that keeps findings from counting: ``# logshift: ignore[LS101] until=2027-01-31 -- reason``."""

    span: Span  # of the comment
    text: str  # what it says, without its reason
    holds: Span  # where findings begin that it is about
    rules: tuple[str, ...]  # codes or names, as written; every rule if there are none
    until: str  # the last day on which it holds, as YYYY-MM-DD; "" if there is none
    reason: str
    wrong: str  # why it holds nothing; "" where it is right


class FileFacts(NamedTuple):
    """All that one file says about loggers."""

    path: str
    module: str
    encoding: str
    newline: str
    scopes: tuple[Scope, ...]
    statements: tuple[Statement, ...]
    imports: tuple[Import, ...]
    bindings: tuple[Binding, ...]
    uses: tuple[Use, ...]
    root_calls: tuple[RootCall, ...]
    references: tuple[FactoryReference, ...]
    header: tuple[HeaderLine, ...]
    body_start: int  # where the first statement after the head begins (its line's first byte); file size if none
    inert_until: int  # no statement of the body before this byte runs foreign code at import
    acts_from: int  # the first statement below the head that is neither import nor inert begins here
    doctested: frozenset[str]  # names of the module's loggers that doctests use
    exported: frozenset[str]  # __all__
    hides_names: bool  # __all__ is written out: a star import brings nothing else
    free: frozenset[str]  # names read that nothing in the file binds
    requires: frozenset[str]  # modules imported when this one is
    hands_out: tuple[HandsOut, ...] = ()
    suppressions: tuple[Suppression, ...] = ()


class Unanalysed(NamedTuple):
    """A file that could not be read as Python, and why."""

    path: str
    line: int
    column: int
    message: str


class Position(NamedTuple):
    """A place for people: 1-based line, 1-based column in code points."""

    line: int
    column: int


class Finding(NamedTuple):
    """One thing that a rule has to say."""

    code: str
    name: str
    message: str
    path: str
    span: Span
    start: Position
    end: Position
    applicability: Applicability
    reason: Reason | None
    scope: str
    fingerprint: str
    binding: int  # -1 where the finding is not about a binding


class Suppressed(NamedTuple):
    """A finding that does not count, and the comment that says so."""

    finding: Finding
    comment: Suppression


class Judgement(NamedTuple):
    """What the rules have to say of one file."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...] = ()
