"""HMDB51: 6,849 clips of 51 actions.

https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import DATASETS
from .action_dataset import ActionDataset
from .annotations import read_hmdb51_split

if TYPE_CHECKING:
    from .annotations import Entry


@DATASETS.register
class HMDB51Dataset(ActionDataset):
    """HMDB51 by its official files `<class>_test_split<N>.txt`.

        data_root/
          videos/ or hmdb51_org/    <class>/<video>.avi
          rawframes/                <class>/<video>/image_00001.jpg ...
          flow/                     <class>/<video>/image_00001x.jpg, image_00001y.jpg ...
          splits/ or testTrainMulti_7030_splits/    the files

    Labels follow the classes' alphabetical order. Arguments: see ActionDataset.
    """

    split_dirs = ('splits', 'testTrainMulti_7030_splits')
    video_dirs = ('videos', 'hmdb51_org')

    def read_split(self, folder: str) -> tuple[list[str], list[Entry]]:
        return read_hmdb51_split(folder, self.split, self.subset)
