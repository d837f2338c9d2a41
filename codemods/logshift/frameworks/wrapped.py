"""Functions that set a logger of `logging` up and hand it out: of well-known libraries, and of the project itself.

What they do – a parent, a handler, a level – has to be done still. So the call stays where it is, and the logger that
takes its place stands on the node that the call returns: ``Target("tasks", name=get_task_logger(__name__).name)``.
"""

from __future__ import annotations

from logshift.frameworks import Factory, stdlib

#: Where the loggers of every such function of the project come from; `logshift.resolve` says which functions those are.
HANDED_OUT = "logging.getLogger.handed_out"

#: By library; each returns a `logging.Logger` of the tree, whatever it does to it first.
_LIBRARIES = (
    "celery.utils.log.get_logger",  # https://docs.celeryq.dev/en/stable/reference/celery.utils.log.html
    "celery.utils.log.get_task_logger",
    "kombu.log.get_logger",  # https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.log.html
)

FRAMEWORK = stdlib.FRAMEWORK._replace(
    factories=tuple(Factory(path, "name", sets_up=True) for path in (HANDED_OUT, *_LIBRARIES)),
    configures=stdlib.FRAMEWORK.configures | {"name"},  # the new logger reads it
    root_functions=frozenset(),
    tokens=(b"celery", b"kombu"),
    aliases=(),
    root="",
)
