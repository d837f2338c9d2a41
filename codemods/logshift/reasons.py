"""The reasons why a logger is left to a person: what each means, and what that person should do."""

from __future__ import annotations

from logshift._record import NamedTuple
from logshift.model import Reason


class Explanation(NamedTuple):
    """What a reason means, and what to do about it."""

    means: str
    do: str


EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.STAR_IMPORT: Explanation(
        "The factory comes from a star import, which may bring other names too.",
        "Import the names that the file uses, then run again.",
    ),
    Reason.FACTORY_ESCAPES: Explanation(
        "The factory itself is stored, passed on or a default value, so not every logger it makes can be seen.",
        "Call the factory where the logger is needed, or hand on the logger instead.",
    ),
    Reason.DYNAMIC_ACCESS: Explanation(
        "The factory is reached through getattr, importlib, sys.modules or the like.",
        "Write a plain import and a plain call.",
    ),
    Reason.OPTIONAL_DEPENDENCY: Explanation(
        "The import stands in a try with an ImportError handler or under TYPE_CHECKING; code may depend on it.",
        "Decide whether the library is still optional, then make the import plain.",
    ),
    Reason.CONDITIONAL: Explanation(
        "What is called here is a logger factory only sometimes.",
        "Make the choice explicit: one call for each case.",
    ),
    Reason.ROOT_LOGGER: Explanation(
        "The root logger is the application's to configure; it belongs to no component.",
        "Log through a logger of the module, or leave the call if it only configures.",
    ),
    Reason.DETACHED_LOGGER: Explanation(
        "The logger is made by its class, outside the logging tree: no level or handler that is configured reaches it.",
        "Get it from logging.getLogger, or keep it and suppress the finding.",
    ),
    Reason.CUSTOM_PIPELINE: Explanation(
        "The logger is given a pipeline or a wrapped logger of its own.",
        "Configure structlog once for the application, or keep this logger and suppress the finding.",
    ),
    Reason.UNKNOWN_METHOD: Explanation(
        "A method is called that the target does not have.",
        "Map the method in [[tool.logshift.legacy]] methods, or change the call.",
    ),
    Reason.UNKNOWN_ATTRIBUTE: Explanation(
        "An attribute is used that the target does not have.",
        "Change the use, or add the attribute to the target's contract.",
    ),
    Reason.UNKNOWN_ARGUMENTS: Explanation(
        "The arguments cannot be told apart (a star, several names, a helper's own parameters), or mean nothing on the "
        "target.",
        "Write the arguments out, or change the call by hand.",
    ),
    Reason.COMPARED_BY_IDENTITY: Explanation(
        "The logger is compared, by `is`, `==`, `in`, `id()` or an assertion; the target makes an object of its own.",
        "Compare the names.",
    ),
    Reason.WRONG_TYPE: Explanation(
        "An isinstance check, or `type()`, asks for a type that the target is not.",
        "Check for the methods you need, or for the target's type.",
    ),
    Reason.NAME_LOST: Explanation(
        "The logger has an explicit name and the target's constructor takes none.",
        "Give the target a `name` keyword and say so in [tool.logshift.target.contract] constructor.",
    ),
    Reason.FACTORY_PATCHED: Explanation(
        "A file of the project – a test, mostly – patches the factory that makes this logger, and would wait in vain "
        "for it to be called.",
        "Let the test patch the logger or look at what is logged, or migrate with --unsafe-fixes and mend it then.",
    ),
    Reason.SOURCE_READ: Explanation(
        "A file of the project – a test, mostly – reads the source of this module, and may hold it against a hash.",
        "Migrate with --unsafe-fixes and write down the new hash, or keep the logger and suppress the finding.",
    ),
    Reason.INSIDE_FSTRING: Explanation(
        "The place lies in an f-string of which Python before 3.12 does not give the positions, or whose quotes leave "
        "none for a new literal there.",
        "Take the expression out of the f-string, or let only one kind of quotes stand in it.",
    ),
    Reason.UNSUPPORTED_ENCODING: Explanation(
        "The file's encoding does not give each line's bytes back.",
        "Save the file as UTF-8.",
    ),
    Reason.IMPORT_CYCLE: Explanation(
        "Importing the target here would close an import cycle.",
        "Break the cycle, or import the target inside the function that needs it.",
    ),
    Reason.PROOF_FAILED: Explanation(
        "The rewritten file did not pass a proof and was not written.",
        "Look at the named proof with `logshift migrate --diff`; please report the case.",
    ),
    Reason.SUPPRESSED: Explanation(
        "A comment `# logshift: ignore` suppresses the finding on this logger, or on one that goes by the same name.",
        "Take the comment away, and the logger moves.",
    ),
}
