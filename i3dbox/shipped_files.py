"""Where the files are that come with the package: in a checkout beside it, in an installed copy
inside it.
"""

from __future__ import annotations

import os

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def shipped_folder(name: str) -> str:
    """Returns the path of the folder `name`: the installed package's, else the checkout's."""
    inside = os.path.join(_PACKAGE, name)
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(_PACKAGE), name)
