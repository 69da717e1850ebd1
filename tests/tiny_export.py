"""Exports of a tiny network, for tests."""

import mindspore as ms
import numpy as np
import tiny
from i3d_weights import plausible

from i3dbox.apis.export import export
from i3dbox.config import Config
from i3dbox.models import build_recognizer
from i3dbox.weights.checkpoint_file import write_checkpoint


def write_tiny_checkpoint(cfg, path, **meta):
    recognizer = build_recognizer(cfg.model)
    shapes = {
        p.name: tuple(p.shape)
        for p in recognizer.get_parameters()
        if not p.name.endswith('dropout.step')
    }
    write_checkpoint(str(path), plausible(shapes), meta=dict(modality=recognizer.modality, **meta))
    return str(path)


def tiny_config(folder, backbone='TinyBackbone', **changes):
    model = dict(
        type='Recognizer3D', backbone=dict(type=backbone), head=dict(type='I3DHead', num_classes=3)
    )
    return Config.fromfile(tiny.write_config(folder, **{'model': model, **changes}))


def export_tiny(folder, format='ONNX', backbone='TinyBackbone', **arguments):
    """Exports the tiny network into `folder`; returns what `export` does, and the config."""
    cfg = tiny_config(folder, backbone)
    checkpoint = write_tiny_checkpoint(cfg, folder / 'tiny.ckpt', classes=tiny.TinyDataset.classes)
    return export(cfg, checkpoint, format, **{'clip_len': 4, 'size': 8, **arguments}), cfg


def some_clips(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 8, 8, 3), np.uint8)


def logits(exported, imgs):
    return exported.network(ms.Tensor(imgs)).asnumpy()
