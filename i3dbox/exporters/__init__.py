"""Exporters, one file per format: from a network to a file that another runtime loads.

A class registered in EXPORTERS under the name that --format takes, with

    extension           of the file, such as '.onnx'
    dynamic_batch       whether the batch size of the file can be left open
    tolerance           largest difference to the network that verification accepts:
                        ('absolute' or 'relative', number)
    check(device)       raises an I3DBoxError where this machine cannot export; called before
                        anything expensive. device (str): 'CPU' or 'Ascend'
    export(network, inputs, path, dynamic)
                        writes the file. network (Cell) takes clips, one per row; inputs (dict of
                        name -> array) are examples of them in the order of its arguments; dynamic
                        (bool): their first axis may have any size. Returns facts for the
                        description beside the file (a dict), or None

`extension` and `export` are needed, the others have the defaults of `BaseExporter`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from mindspore import nn


class BaseExporter:
    """What exporters have in common."""

    extension = None
    dynamic_batch = False
    tolerance = ('relative', 1e-4)

    def check(self, device: str) -> None:
        """Does nothing: nothing is needed."""

    def export(
        self, network: nn.Cell, inputs: dict[str, np.ndarray], path: str, dynamic: bool = False
    ) -> dict | None:
        """Writes `path`; see the package."""
        raise NotImplementedError
