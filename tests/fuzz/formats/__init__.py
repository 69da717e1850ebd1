"""What is read: a table of formats.

A module here has FORMATS, {name: Format}. A format is one entry there: what good files look like,
how they are damaged, and what the project does with them.
"""

import importlib
import pathlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

from i3dbox.commands import main
from i3dbox.errors import I3DBoxError

from ..mutators import any_file


class Refused(I3DBoxError):
    """A command's own error."""


class Format(NamedTuple):
    """A kind of case.

    Attributes:
        make: writes the good files of a case into a folder (pathlib.Path).
        read: reads what is in a folder as the project does; raises what that raises.
        damage: changes what is in a folder, by a random.Random.
    """

    make: Callable[[pathlib.Path], Any]
    read: Callable[[pathlib.Path], Any]
    damage: Callable[[Any, pathlib.Path], Any] = any_file


def formats() -> dict[str, Format]:
    """Returns all formats by their names."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        found.update(importlib.import_module(f'{__name__}.{module.name}').FORMATS)
    return found


def run(command: str, *arguments: str) -> None:
    """Runs a command. What its `main` does not catch is a traceback to its users."""
    try:
        status = main(command, list(arguments))
    except SystemExit as error:  # wrong arguments
        status = error.code
    if status:
        raise Refused(command)
