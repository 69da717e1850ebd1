"""A recognizer's stream as an extractor of features."""

from __future__ import annotations

from mindspore import Tensor, nn
from mindspore import dtype as mstype

from ..errors import ConfigError
from .endpoints import check_endpoint
from .i3d_table import LOGITS


class FeatureNetwork(nn.Cell):
    """A stream up to an endpoint, and no further. It shares the stream's parameters.

    Args:
        stream: a Recognizer3D.
        endpoint: a layer of the backbone, as in i3d_table.ENDPOINTS, or 'Logits'.
        pool: 'avg' takes the mean over height and width, as I3D's average pool of 2 x 7 x 7
            does with a map of 7 x 7; its mean over pairs of time steps is left to
            averages.mean_over_steps. 'none' takes none.
        any_length: one graph for clips of all lengths.

    Inputs: uint8 1 x T x H x W x C (or float32, from 0 to 255, where any_length is not asked for).
    Outputs: float32 1 x K x t for 'avg' and for 'Logits', whose time steps are logits; 1 x K x t x
        h x w for 'none'.
    Raises: ConfigError for an endpoint that the stream lacks, and for 'none' with 'Logits'.
    """

    def __init__(
        self,
        stream: nn.Cell,
        endpoint: str = 'Mixed_5c',
        pool: str = 'avg',
        any_length: bool = False,
    ):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        names = (
            list(stream.backbone.name_cells())
            if isinstance(stream.backbone, nn.SequentialCell)
            else []
        )
        check_endpoint(endpoint, pool, names, hasattr(stream.head, 'step_logits'))
        self.endpoint = endpoint
        self.pool = pool
        self.preprocess = stream.preprocess
        self.backbone = stream.backbone
        self.head = stream.head
        self.depth = 0 if endpoint == LOGITS else names.index(endpoint) + 1
        self.whole = self.depth in (0, len(names))
        if any_length:
            self.set_inputs(
                Tensor(shape=[1, None, None, None, stream.channels], dtype=mstype.uint8)
            )
        self.set_train(False)

    @property
    def temporal_geometry(self) -> tuple[int, int]:
        """(stride, context) of the endpoint, see i3d_table.temporal_geometry. Raises ConfigError
        where unknown.
        """
        backbone = self.backbone
        of_layer = getattr(backbone, 'temporal_geometry', None)
        found = of_layer(self.endpoint) if of_layer and self.depth else None
        if found:
            return found
        if self.whole and hasattr(backbone, 'temporal_context'):
            return backbone.temporal_stride, backbone.temporal_context
        raise ConfigError(
            f'{type(backbone).__name__} does not say how its time steps at {self.endpoint} stand '
            'to frames (temporal_stride, temporal_context): give the windows a length'
        )

    def construct(self, imgs: Tensor) -> Tensor:
        x = self.preprocess(imgs.expand_dims(1))
        if self.depth == 0:
            return self.head.step_logits(self.backbone(x)).float()
        for cell in self.backbone.cell_list[: self.depth]:
            x = cell(x)
        if self.pool == 'avg':
            x = x.mean((3, 4))
        return x.float()
