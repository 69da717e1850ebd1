"""A data set of arrays and the pipeline steps of its like, for tests of what stands around them."""

import os
import signal
import time

import numpy as np

from i3dbox.datasets.base import BaseDataset
from i3dbox.errors import DamagedSampleError


class FakeDataset(BaseDataset):
    """`size` samples named s0, s1, ... with labels 0, 1, 2, 0, ..."""

    def __init__(self, size, pipeline=None, **kwargs):
        self.size = size
        super().__init__(pipeline or [dict(type=DrawClip)], **kwargs)

    def load_annotations(self):
        return [dict(name=f's{i}', label=i % 3) for i in range(self.size)]


class DrawClip:
    """A tiny clip: the sample's place, then random numbers; some take longer."""

    def __init__(self, delay=0.002):
        self.delay = delay

    def __call__(self, results):
        imgs = results['rng'].integers(0, 256, (1, 2, 2, 2, 3), np.uint8)
        imgs[0, 0, 0, 0, 0] = results['index']
        time.sleep(self.delay * (results['index'] * 7 % 3))
        return dict(results, imgs=imgs)


class Damage:
    """The samples at `places` cannot be read."""

    def __init__(self, places):
        self.places = places

    def __call__(self, results):
        if results['index'] in self.places:
            raise DamagedSampleError(results['name'], results['name'] + '.avi', 'is empty')
        return results


class Odd:
    """The clip at `place` is one frame longer."""

    def __init__(self, place):
        self.place = place

    def __call__(self, results):
        if results['index'] == self.place:
            results['imgs'] = np.zeros((1, 3, 2, 2, 3), np.uint8)
        return results


class Fail:
    """A bug at `place`, or a worker that is killed there."""

    def __init__(self, place, kill=False):
        self.place, self.kill = place, kill

    def __call__(self, results):
        if results['index'] == self.place:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise ZeroDivisionError('a bug in a step')
        return results
