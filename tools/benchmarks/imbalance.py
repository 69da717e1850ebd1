"""Measures what helps where classes are of many sizes: the loss as it is, class_weight,
ClassBalancedDataset, FocalLoss, in the same run.

python tools/benchmarks/imbalance.py --seeds 2022 2023 2024

The four classes of SyntheticActions that colour tells, of two of which every tenth training video
is left, train the RGB stream from scratch; figures are of the test videos, of which all classes
have as many.
"""

import argparse
import pathlib
import sys
import tempfile

import numpy as np
from figures import write_figures

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from i3dbox.apis.test import test  # noqa: E402
from i3dbox.apis.train import train  # noqa: E402
from i3dbox.config import Config  # noqa: E402
from i3dbox.datasets.synthetic import PAINT, SyntheticActions  # noqa: E402
from i3dbox.evaluation.tables import table  # noqa: E402
from i3dbox.registry import DATASETS  # noqa: E402

CLASSES = sorted(PAINT)
RARE = CLASSES[:2]


@DATASETS.register
class Imbalanced(SyntheticActions):
    """The classes that colour tells; in training every tenth video of two of them."""

    def load_annotations(self):
        """Returns the samples that are left."""
        videos = super().load_annotations()
        names, self.classes = self.classes, CLASSES
        samples = []
        for name in CLASSES:
            own = [sample for sample in videos if names[sample['label']] == name]
            step = 10 if name in RARE and self.subset == 'train' else 1
            samples += [dict(sample, label=CLASSES.index(name)) for sample in own[::step]]
        return samples


def variants(counts):
    """Returns (options of the config, whether samples are balanced) by name."""
    weights = [sum(counts) / len(counts) / count for count in counts]
    loss = dict(type='CrossEntropyLoss')
    return {
        'as it is': (loss, False),
        'class_weight': (dict(loss, class_weight=weights), False),
        'ClassBalancedDataset': (loss, True),
        'FocalLoss': (dict(type='FocalLoss'), False),
    }


def config(loss, balanced, seed, steps, folder):
    """Returns the config of a run of so many steps."""
    cfg = Config.fromfile(str(ROOT / 'configs/i3d_rgb_synthetic.py'))
    cfg.model.head.num_classes = len(CLASSES)
    for name in ('train', 'val', 'test'):
        cfg.data[name].type = 'Imbalanced'
    cfg.data.train.split = cfg.data.val.split = 1  # all 40 videos of a class
    cfg.loss = loss
    if balanced:
        cfg.data.train = dict(
            type='ClassBalancedDataset', oversample_thr=1.0, dataset=cfg.data.train
        )
    samples = len(DATASETS.build(cfg.data.train))
    cfg.total_epochs = (steps + 0.5) / (samples // cfg.data.batch_size)
    cfg.seed = seed
    cfg.work_dir = folder
    return cfg


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n\n')[0])
    parser.add_argument('--seeds', type=int, nargs='+', default=[2022])
    parser.add_argument('--steps', type=int, default=33)
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    args = parser.parse_args()
    first = config(dict(type='CrossEntropyLoss'), False, 0, args.steps, '')
    counts = DATASETS.build(first.data.train).label_counts
    counts = [counts[label] for label in range(len(CLASSES))]
    figures = {}
    for name, (loss, balanced) in variants(counts).items():
        for seed in args.seeds:
            with tempfile.TemporaryDirectory() as folder:
                cfg = config(loss, balanced, seed, args.steps, folder)
                run = train(cfg)
                found = test(cfg, run.save('last'))
            values = found.evaluate(['top_k_accuracy', 'mean_class_accuracy', 'per_class'])
            rare = float(np.mean(values['recall'][: len(RARE)]))
            figures.setdefault(name, []).append(
                dict(seed=seed, mean_class_acc=values['mean_class_acc'], recall_of_rare=rare)
            )
    keys = ('mean_class_acc', 'recall_of_rare')
    rows = [
        [name, *(' '.join(f'{one[key]:.3f}' for one in found) for key in keys)]
        for name, found in figures.items()
    ]
    print(f'training videos a class: {counts}; seeds {args.seeds}; {args.steps} steps')
    print(table([['', 'mean class accuracy', 'recall of the rare'], *rows]))
    if args.json:
        named = {
            f'{name}, seed {one["seed"]}: {key}': one[key]
            for name, found in figures.items()
            for one in found
            for key in keys
        }
        write_figures(args.json, named)


if __name__ == '__main__':
    main()
