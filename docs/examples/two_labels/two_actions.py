"""Two videos of SyntheticActions side by side, written outside of i3dbox: an example of a data set
of one's own whose videos have several labels."""

import numpy as np

from i3dbox.datasets.base import BaseDataset
from i3dbox.registry import DATASETS


@DATASETS.register
class TwoActions(BaseDataset):
    """Pairs each video with another, and has the labels of both: one where they are of one class.

    Only the four classes are taken that the stream can tell: by colour for RGB, by motion for flow.

    Args:
        pipeline, modality, split, subset: of SyntheticActions. videos: its other arguments.
        **kwargs: of BaseDataset.
    """

    multi_class = True

    def __init__(
        self,
        pipeline,
        modality='RGB',
        split=1,
        subset='train',
        videos=None,
        test_mode=False,
        **kwargs,
    ):
        self.videos = DATASETS.build(
            dict(type='SyntheticActions', **(videos or {})),
            split=split,
            subset=subset,
            pipeline=pipeline,
            modality=modality,
            test_mode=test_mode,
        )
        sand = modality == 'Flow'
        self.classes = [name for name in self.videos.classes if name.endswith('Sand') == sand]
        super().__init__([], modality, test_mode, **kwargs)

    def load_annotations(self):
        """Returns a sample a video, which names both of its halves."""
        names = self.videos.classes
        kept = [i for i, s in enumerate(self.videos.samples) if names[s['label']] in self.classes]
        others = np.random.default_rng(0).permutation(kept)
        return [
            dict(
                name=f'{self.videos.samples[left]["name"]} {self.videos.samples[right]["name"]}',
                label=sorted({self._label(left), self._label(right)}),
                halves=(left, right),
            )
            for left, right in zip(kept, others)
        ]

    def _label(self, index):
        return self.classes.index(self.videos.classes[self.videos.samples[index]['label']])

    def load(self, index, rng):
        """Returns `imgs` of twice a video's width, `label`, `name`, `index`."""
        sample = self.samples[index]
        halves = [self.videos.load(half, rng)['imgs'] for half in sample['halves']]
        return dict(
            imgs=np.concatenate(halves, -2), label=sample['label'], name=sample['name'], index=index
        )
