"""Each backbone of the package trains, goes on, is tested, exports and gives features, as I3D
does.
"""

import mindspore as ms
import numpy as np
import pytest
import tiny  # noqa: F401  (whose data set the configs name)
from smallest import SMALLEST
from test_training import assert_same_checkpoint, config

from i3dbox.apis import load_exported
from i3dbox.apis.export import export
from i3dbox.apis.test import test as run_test
from i3dbox.apis.train import train
from i3dbox.inference.feature_extractor import FeatureExtractor
from i3dbox.inference.frozen_trunk import has_frozen_trunk
from i3dbox.inference.model_spec import ModelSpec
from i3dbox.models import build_recognizer
from i3dbox.models.endpoints import stages_of
from i3dbox.models.freezing import freeze, frozen_endpoint
from i3dbox.registry import BACKBONES, DATASETS
from i3dbox.weights.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow

CLIP = (8, 32, 32)
CLIPS = dict(C3D=(16, 16, 16))  # where another is the smallest
PAIRS = ('InceptionI3D', 'S3D')  # those with I3D's head
OWN = [name for name in BACKBONES.names() if BACKBONES.get(name).__module__.startswith('i3dbox.')]
KEPT = ('total_epochs', 'model', 'data', 'hooks', 'optimizer')
HOOKS = [dict(type='LoggerHook', interval=1), dict(type='CheckpointHook')]


@pytest.fixture(scope='module', params=OWN)
def trained(request, tmp_path_factory):
    """The config of a backbone, and the checkpoint of two epochs of a step."""
    folder = tmp_path_factory.mktemp(request.param)
    ms.set_context(mode=ms.GRAPH_MODE)
    model = dict(
        type='Recognizer3D',
        backbone=dict(type=request.param, **SMALLEST.get(request.param, {})),
        head=dict(type='I3DHead' if request.param in PAIRS else 'PoolHead', num_classes=3),
    )
    clip = CLIPS.get(request.param, CLIP)
    data = dict(
        batch_size=2,
        train=dict(type='TinyDataset', size=2, clip=clip),
        test=dict(type='TinyDataset', size=4, clip=clip),
    )
    cfg = config(
        folder,
        total_epochs=2,
        model=model,
        data=data,
        hooks=HOOKS,
        optimizer=dict(type='SGD', lr=1e-3, momentum=0.9),
    )
    train(cfg)
    return cfg, str(folder / 'run/epoch_2.ckpt')


def test_a_run_that_goes_on_ends_bit_for_bit_as_one_that_was_not_stopped(trained, tmp_path):
    cfg, checkpoint = trained
    goes_on = config(tmp_path, **{key: cfg[key] for key in KEPT})
    train(goes_on, checkpoint.replace('epoch_2', 'epoch_1'))
    assert_same_checkpoint(checkpoint, tmp_path / 'run/epoch_2.ckpt')


def test_it_trains_and_its_file_answers_as_its_test_does(trained, tmp_path):
    cfg, checkpoint = trained
    names = {parameter.name for parameter in build_recognizer(cfg.model).get_parameters()}
    after, _, _ = load_checkpoint(checkpoint)
    assert names <= set(after) and all(np.isfinite(array).all() for array in after.values())
    results = run_test(cfg, checkpoint)
    assert results.scores.shape == (4, 3) and np.isfinite(results.scores).all()
    clip = CLIPS.get(cfg.model.backbone.type, CLIP)
    sizes = dict(clip_len=clip[0], size=clip[1])
    exported = export(cfg, checkpoint, 'ONNX', str(tmp_path / 'a.onnx'), **sizes)
    videos = DATASETS.build(dict(cfg.data.test, test_mode=True))
    imgs = np.concatenate([videos.load(k, None)['imgs'] for k in range(4)])
    for engine in ('onnxruntime', 'openvino'):
        found = load_exported(exported.path, engine)(imgs)
        limit = 1e-4 * np.abs(results.scores).max()
        np.testing.assert_allclose(found, results.scores, atol=limit)


def test_its_last_layers_are_looked_into_and_trained_alone(trained):
    cfg, checkpoint = trained
    clip = CLIPS.get(cfg.model.backbone.type, CLIP)
    spec = ModelSpec.resolve(config=cfg, checkpoint=checkpoint)
    sizes = dict(window=clip[0], stride=clip[0], size=clip[1], short_side=clip[1])
    extract = FeatureExtractor(spec, **sizes)
    frames = np.random.default_rng(0).integers(0, 256, (2 * clip[0], *clip[1:], 3), np.uint8)
    rows = [row for _, _, row in extract(frames)]
    backbone = build_recognizer(cfg.model).backbone
    assert extract.settings['endpoint'] == list(backbone.name_cells())[-1] and len(rows) == 2
    assert rows[0].shape == (backbone.out_channels,) and np.isfinite(rows).all()
    held = [name for name, cell in backbone.name_cells().items() if list(cell.get_parameters())]
    recognizer = build_recognizer(cfg.model)
    last = stages_of(held)[-1]
    trained = freeze(recognizer, ['head', last])
    assert {name.split('.')[0] for name in trained} == {'head', 'backbone'}
    assert all(f'.{last}' in name for name in trained if name.startswith('backbone'))
    assert has_frozen_trunk(recognizer)
    assert frozen_endpoint(recognizer.backbone) in list(backbone.name_cells())


def test_each_backbone_of_the_package_is_here():
    assert set(SMALLEST) == set(OWN)
