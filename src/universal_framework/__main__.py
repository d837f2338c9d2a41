"""The front door of ``universal-framework``: finds the group of commands that was asked for and loads only that.

Exit status: 0 all is well; 1 something was found (for `audit`: an altered trail; for `serve`: no start); 2 the command
is wrong; 3 something cannot be read; 78 a service would refuse to start, or refuses, with this configuration.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import cast

import click

#: Groups of commands: the module that has each as `main`, and one line for the help.
_GROUPS = {
    "audit": ("universal_framework.cli.audit", "Verify, show, export, prove and prune audit trails."),
    "config": ("universal_framework.cli.config", "Check and show the configuration of a service; print its schema."),
    "serve": ("universal_framework.cli.serve", "Run the service: its API, its page, its probes."),
}


class _Groups(click.Group):
    """A group whose members are imported when they are named, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in _GROUPS:
            return None
        return cast("click.Command", importlib.import_module(_GROUPS[cmd_name][0]).main)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _GROUPS[name][1]) for name in self.list_commands(ctx)])


@click.group(
    cls=_Groups,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def cli() -> None:
    """Commands for services that run on universal_framework."""


def main() -> None:
    """Run the command line of this process."""
    try:
        cli(prog_name="universal-framework")
    except BrokenPipeError:  # nobody reads any more, as in ``… | head``; what is buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None


if __name__ == "__main__":
    main()
