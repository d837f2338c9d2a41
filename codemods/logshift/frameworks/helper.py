"""A team's own helper classes and wrapper functions, as the configuration describes them."""

from __future__ import annotations

from logshift.frameworks import LABEL, Contract, Factory, Framework


def framework(factory: str, methods: tuple[tuple[str, str], ...], channel: str | None) -> Framework:
    """Return the framework of one ``[[tool.logshift.legacy]]`` table.

    `factory` is the dotted path of the class or function; `methods` says what each of its methods is called
    on the target, with the same arguments.
    """
    own = frozenset(name for name, _ in methods)
    leaf = factory.rpartition(".")[2]
    return Framework(
        name="helper",
        title=leaf,
        factories=(Factory(factory, None),),
        name_means=LABEL,
        contract=Contract(
            methods=own,
            attributes=frozenset(),
            formatting="percent",
            fields=True,
            reserved=frozenset(),
            stands_for=frozenset({factory}),
        ),
        types=frozenset({factory}),
        derives=frozenset(),
        emits=own,
        configures=frozenset(),
        root_functions=frozenset(),
        tokens=(leaf.encode(),),
        methods=methods,
        channel=channel,
    )
