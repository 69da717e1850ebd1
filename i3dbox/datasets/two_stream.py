"""RGB and flow of the same videos, side by side."""

from __future__ import annotations

import copy
import logging

import numpy as np

from ..errors import DataError, first_difference
from ..registry import DATASETS
from ..streams import BOTH
from .base import BaseDataset

logger = logging.getLogger(__name__)


@DATASETS.register
class TwoStreamDataset(BaseDataset):
    """Joins an RGB and a flow data set by the samples' names, so that no clip meets another's flow.

    Both streams of a sample start from the same random numbers, so sampling, crops and flips agree
    as far as the two pipelines have the same steps (sampling to within a frame, as a video has one
    flow image less than frames).

    Args:
        rgb, flow (dict): configs of the data sets, built through DATASETS; their order may differ.
        test_mode, damaged, missing: of BaseDataset, for both. A sample is damaged if either stream
            is. With missing='skip' the samples that both have are kept.

    Samples: `name`, `label`, and `rgb`, `flow`: their indices in `self.rgb` and `self.flow`.

    Raises:
        DataError: a name that only one of them has, or that has another label in the other.
    """

    inputs = BOTH
    modalities = ('RGB+Flow',)

    def __init__(
        self,
        rgb: dict,
        flow: dict,
        test_mode: bool = False,
        damaged: str | None = None,
        missing: str = 'raise',
    ):
        shared = dict(test_mode=test_mode, missing=missing)
        self.rgb = DATASETS.build(rgb, modality='RGB', **shared)
        self.flow = DATASETS.build(flow, modality='Flow', **shared)
        self.multi_class = self.rgb.multi_class
        super().__init__([], 'RGB+Flow', test_mode, damaged, missing)

    @property
    def num_classes(self) -> int:
        return self.rgb.num_classes

    @property
    def varies(self) -> set[str]:
        return self.rgb.varies | self.flow.varies

    def load_annotations(self) -> list[dict]:
        self.classes = self.rgb.classes or self.flow.classes
        difference = first_difference(self.rgb.classes, self.flow.classes)
        if difference:
            raise DataError(f'the RGB and flow data sets name different classes: {difference}')
        indices = {sample['name']: index for index, sample in enumerate(self.flow.samples)}
        self._check_same_names(indices)
        samples = [
            dict(
                name=sample['name'],
                label=sample['label'],
                rgb=index,
                flow=indices[sample['name']],
            )
            for index, sample in enumerate(self.rgb.samples)
            if sample['name'] in indices
        ]
        for sample in samples:
            label = self.flow.samples[sample['flow']]['label']
            if label != sample['label']:
                raise DataError(
                    f'{sample["name"]!r} has label {sample["label"]} in the RGB data set and '
                    f'{label} in the flow data set'
                )
        return samples

    def load(self, index: int, rng: np.random.Generator) -> dict:
        """Returns a dict: `rgb` and `flow` (each stream's `imgs`), `label`, `name`, `index`."""
        sample = self.samples[index]
        clips = {
            stream: getattr(self, stream).load(sample[stream], copy.deepcopy(rng))['imgs']
            for stream in BOTH
        }
        return dict(clips, label=sample['label'], name=sample['name'], index=index)

    def _check_same_names(self, in_flow):
        in_rgb = [sample['name'] for sample in self.rgb.samples]
        only_rgb = [name for name in in_rgb if name not in in_flow]
        only_flow = sorted(set(in_flow) - set(in_rgb))
        for names, here, there in ((only_rgb, 'RGB', 'flow'), (only_flow, 'flow', 'RGB')):
            if names and self.missing == 'raise':
                raise DataError(
                    f'{len(names)} samples of the {here} data set are not in the {there} data '
                    f"set; the first is {names[0]!r}; missing='skip' goes on without them"
                )
            if names:
                logger.warning(
                    '%d samples of the %s data set are not in the %s data set and are skipped; '
                    'the first is %r',
                    len(names),
                    here,
                    there,
                    names[0],
                )
