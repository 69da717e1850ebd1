"""How a run's frozen layers are computed: once, for some views of each clip, or at each step in the
fastest engine.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from ..engine import distributed
from ..errors import CheckpointError
from ..inference.frozen_trunk import (
    FrozenTrunk,
    KeptTrunkLoader,
    TrunkLoader,
    clips_identity,
    has_frozen_trunk,
    keep_choice,
    known_choice,
    views_that_fit,
)

if TYPE_CHECKING:
    from mindspore import nn

    from ..config import Config
    from ..datasets.base import BaseDataset
    from ..datasets.loader import ClipLoader

logger = logging.getLogger(__name__)

FROZEN = 'frozen_layers'  # in a run's memory


def frozen_trunk(
    cfg: Config,
    recognizer: nn.Cell,
    dataset: BaseDataset,
    shape: tuple[int, ...],
    memory: dict,
    computing: dict,
) -> FrozenTrunk | None:
    """Returns the FrozenTrunk where the frozen layers are computed apart: once, for some views, or
    at each step in another engine. Else None. How goes into the run's memory: a resumed run needs
    the same.
    """
    if not has_frozen_trunk(recognizer):
        return None
    if cfg.get('blending'):
        logger.info('the frozen layers see blended clips: they are part of each training step')
        return None
    known = memory.get(FROZEN) or known_choice(cfg.work_dir, cfg.get('frozen_views'), computing)
    if known and known['views'] and distributed.world_size() > 1:
        raise CheckpointError(
            'the run that is to be resumed computed its frozen layers once, which one rank does: '
            'go on with one'
        )
    if known:
        began = dict(engine=known['engine'], precision=known.get('precision'))
        if any(computing[key] not in ('auto', None, began[key]) for key in began):
            logger.warning('the frozen layers go on as the run began: %s', began)
        computing = dict(computing, **began)
    trunk = FrozenTrunk(cfg, recognizer, **computing)
    engine, precision = trunk.computed_by
    if not known:
        views = 0
        if cfg.get('frozen_views') and dataset.changes_label:
            logger.warning('frozen_views keep the labels of the list: steps change them, so none')
        elif cfg.get('frozen_views') and distributed.world_size() == 1:
            views = min(cfg.frozen_views, math.ceil(cfg.total_epochs))
            size = trunk.row(shape).itemsize * len(dataset)
            views = views_that_fit(views, size, cfg.work_dir)
        graph = dict(precision=precision) if engine != 'mindspore' else {}
        known = dict(views=views, engine=engine, **graph)
        if views:  # room is less when the run goes on
            keep_choice(cfg.work_dir, known, cfg.frozen_views)
    memory[FROZEN] = known
    return trunk if memory[FROZEN]['views'] or engine != 'mindspore' else None


def through_trunk(
    loader: ClipLoader,
    trunk: FrozenTrunk | None,
    cfg: Config,
    shape: tuple[int, ...],
    memory: dict,
) -> ClipLoader | TrunkLoader:
    """Returns a loader whose clips have gone through the frozen layers, where these are computed
    apart.

    Args:
        loader: of clips. trunk, shape, memory: of `frozen_trunk`.
    """
    if trunk is None:
        return loader
    row = trunk.row(shape)
    views = memory[FROZEN]['views']
    if views:
        identity = clips_identity(loader.dataset, cfg)
        return KeptTrunkLoader(trunk, loader, row, views, cfg.work_dir, identity)
    logger.info(
        'the layers up to %s are frozen: computed by %s, %s', trunk.endpoint, *trunk.computed_by
    )
    return TrunkLoader(trunk, loader, row)
