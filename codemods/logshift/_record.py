"""`NamedTuple` for the rooms of the fast path, without the cost of importing ``typing``.

A pre-commit hook pays for every import on every commit, and ``typing`` alone costs a third of what a bare
interpreter does. Type checkers see the real `typing.NamedTuple`; at run time a class statement becomes a
`collections.namedtuple` with the class's methods.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414 - an explicit re-export
else:
    from collections import namedtuple

    _NOT_COPIED = frozenset({"__annotations__", "__module__", "__qualname__", "__classcell__"})

    class _Meta(type):
        def __new__(mcs, name, bases, namespace):  # noqa: ANN001, ANN204 - never seen by a type checker
            if not bases:
                return super().__new__(mcs, name, bases, namespace)
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = [namespace[field] for field in fields if field in namespace]
            made = namedtuple(  # noqa: PYI024 - which is what this is for
                name, fields, defaults=defaults, module=namespace["__module__"]
            )
            for key, value in namespace.items():
                if key not in _NOT_COPIED and key not in fields:
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Meta):
        pass
