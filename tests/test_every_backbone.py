"""Each backbone of the package trains, is tested, exports and gives features, as I3D does."""

import mindspore as ms
import numpy as np
import pytest
import tiny  # noqa: F401  (whose data set the configs name)
from smallest import SMALLEST
from test_training import config

from i3dbox.apis import load_exported
from i3dbox.apis.export import export
from i3dbox.apis.test import test as run_test
from i3dbox.apis.train import train
from i3dbox.inference.feature_extractor import FeatureExtractor
from i3dbox.inference.model_spec import ModelSpec
from i3dbox.models import build_recognizer
from i3dbox.registry import BACKBONES, DATASETS
from i3dbox.weights.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow

CLIP = (8, 32, 32)
CLIPS = dict(C3D=(16, 16, 16))  # where another is the smallest
PAIRS = ('InceptionI3D', 'S3D')  # those with I3D's head
OWN = [name for name in BACKBONES.names() if BACKBONES.get(name).__module__.startswith('i3dbox.')]
HOOKS = [dict(type='LoggerHook', interval=1), dict(type='CheckpointHook')]


@pytest.fixture(scope='module', params=OWN)
def trained(request, tmp_path_factory):
    """The config of a backbone, and the checkpoint of an epoch of two steps."""
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
        train=dict(type='TinyDataset', size=4, clip=clip),
        test=dict(type='TinyDataset', size=4, clip=clip),
    )
    cfg = config(
        folder,
        total_epochs=1,
        model=model,
        data=data,
        hooks=HOOKS,
        optimizer=dict(type='SGD', lr=1e-3),
    )
    train(cfg)
    return cfg, str(folder / 'run/epoch_1.ckpt')


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


def test_it_is_looked_into_at_its_last_layer(trained):
    cfg, checkpoint = trained
    if cfg.model.backbone.type != 'ResNet3dSlowOnly':
        pytest.skip('one residual network is enough; I3D has tests of its own')
    frames = np.random.default_rng(0).integers(0, 256, (16, 48, 40, 3), np.uint8)
    spec = ModelSpec.resolve(config=cfg, checkpoint=checkpoint)
    extract = FeatureExtractor(spec, window=8, stride=8, size=32, short_side=32)
    rows = [row for _, _, row in extract(frames)]
    assert extract.settings['endpoint'] == 'layer4' and len(rows) == 2
    assert rows[0].shape == (512,) and np.isfinite(rows).all()


def test_each_backbone_of_the_package_is_here():
    assert set(SMALLEST) == set(OWN)
