"""UCF101: 13,320 videos of 101 actions. https://www.crcv.ucf.edu/data/UCF101.php"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..registry import DATASETS
from .action_dataset import ActionDataset
from .annotations import read_ucf101_classes, read_ucf101_list

if TYPE_CHECKING:
    from .annotations import Entry


@DATASETS.register
class UCF101Dataset(ActionDataset):
    """UCF101 by its official lists classInd.txt, trainlist0N.txt and testlist0N.txt.

        data_root/
          videos/ or UCF-101/             <Class>/<video>.avi
          rawframes/                      <Class>/<video>/image_00001.jpg ...
          flow/                           <Class>/<video>/image_00001x.jpg, image_00001y.jpg ...
          splits/ or ucfTrainTestlist/    the lists

    Label i is class i + 1 of classInd.txt. Arguments: see ActionDataset.
    """

    split_dirs = ('splits', 'ucfTrainTestlist')
    video_dirs = ('videos', 'UCF-101')

    def read_split(self, folder: str) -> tuple[list[str], list[Entry]]:
        classes = read_ucf101_classes(os.path.join(folder, 'classInd.txt'))
        path = os.path.join(folder, f'{self.subset}list{self.split:02d}.txt')
        return classes, read_ucf101_list(path, classes, labelled=self.subset == 'train')
