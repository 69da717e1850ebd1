"""SyntheticActions: a small data set that is drawn on the spot and that needs both streams.

Four classes are sand: a disc of fine grain over a ground of the same grain, so that a still frame
shows nothing of it, and only the grain's motion tells the class:

    RisingSand   FallingSand   PartingSand (two halves, outwards)   MeetingSand (inwards)

Four classes are painted discs that all sway alike, and only colour and pattern tell the class:

    SwayingRedStripes   SwayingGreenDots   SwayingBlueChecks   SwayingYellowRings

Everything else (place, size, phase, speed, light, ground) is drawn from one random stream for each
(group, clip) that does not depend on the class. So the same clip of two sand classes starts with
the same frame, and the same clip of two swaying classes has the same flow: colour alone cannot do
better than 4/8 + 4/8 x 1/4 = 0.625 and neither can flow, while the sum of both can reach 1. All
classes stay what they are when a clip is mirrored.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from tqdm import tqdm

from ..errors import ConfigError, DataError
from ..fileio import cache_folder
from ..flow.encoding import encode
from ..media.frame_names import FILENAME_TMPL
from ..plain_json import read_json
from ..registry import DATASETS
from .ucf101 import UCF101Dataset

logger = logging.getLogger(__name__)

VERSION = 2  # of what is made here; a cache that another version made is made anew
MARKER = 'synthetic_actions.json'
FPS = 25

# direction (x, y) in which the grain of the left and of the right half moves
SAND = {
    'RisingSand': ((0, -1), (0, -1)),
    'FallingSand': ((0, 1), (0, 1)),
    'PartingSand': ((-1, 0), (1, 0)),
    'MeetingSand': ((1, 0), (-1, 0)),
}
# the two colours (RGB) and the pattern: where it is positive, as a function of place in periods
PAINT = {
    'SwayingRedStripes': ((205, 40, 45), (250, 190, 180), lambda x, y: np.sin(x)),
    'SwayingGreenDots': ((35, 150, 60), (195, 240, 180), lambda x, y: np.cos(x) + np.cos(y) - 0.6),
    'SwayingBlueChecks': ((40, 80, 200), (180, 215, 250), lambda x, y: 1.5 * np.sin(x) * np.sin(y)),
    'SwayingYellowRings': ((235, 190, 30), (255, 245, 190), lambda x, y: np.sin(np.hypot(x, y))),
}
CLASSES = sorted([*SAND, *PAINT])


@DATASETS.register
class SyntheticActions(UCF101Dataset):
    """The built-in data set: 8 classes, made at its first use. See this module's docstring.

    Args:
        data_root (str): where it is or is to be made; default: below $I3DBOX_CACHE, which is
            ~/.cache/i3dbox unless set, in a folder of its own for each version and `generation`.
        split (int): 1, or 2 for choices that must not look at the test groups of 1: it trains and
            tests within the training groups of 1.
        subset (str): 'train' (40 videos a class; 32 in split 2) or 'test' (12; 8 in split 2).
        source (str): 'video' (default for RGB) or 'frames' (default for flow).
        pipeline (list of dict): see BaseDataset.
        modality (str): 'RGB' or 'Flow'.
        generation (dict): what is made otherwise than by default: train_groups (10), test_groups
            (3), clips_per_group (4), how many for each class; num_frames (24), size ((96, 72)),
            noise (10), seed (0). A small one: dict(train_groups=2, test_groups=1,
            clips_per_group=1), the same for train, val and test.
        **kwargs: of BaseDataset: test_mode, damaged, missing.

    Raises:
        ConfigError: `generation` holds an unknown key. DataError: see `make_synthetic_actions`.
    """

    def __init__(
        self,
        data_root: str | None = None,
        split: int = 1,
        subset: str = 'train',
        source: str | None = None,
        *,
        pipeline: list[dict],
        modality: str = 'RGB',
        generation: dict | None = None,
        **kwargs,
    ):
        generation = dict(generation or {})
        try:
            inspect.signature(make_synthetic_actions).bind('', **generation)
        except TypeError as error:
            raise ConfigError(f"SyntheticActions' generation: {error}") from error
        root = make_synthetic_actions(data_root or cached(generation), **generation)
        source = source or ('video' if modality == 'RGB' else 'frames')
        super().__init__(
            root, split, subset, source, pipeline=pipeline, modality=modality, **kwargs
        )


def cached(generation: dict | None = None) -> str:
    """Returns the folder in the cache for `make_synthetic_actions(..., **generation)`."""
    name = f'synthetic_actions-{VERSION}'
    if generation:
        name += (
            '-' + hashlib.sha256(json.dumps(generation, sort_keys=True).encode()).hexdigest()[:8]
        )
    return os.path.join(cache_folder(), name)


@dataclass
class Scene:
    """What one clip is drawn from, whatever its class; in pixels, frames and grey levels."""

    center: tuple  # x, y of the disc
    radius: float
    # of the sand: whole pixels per frame, so that moving grain is as sharp as resting grain
    speed: int
    sway: tuple  # amplitude, period, phase of the swaying
    angle: float  # of the pattern
    period: float  # of the pattern
    ground: np.ndarray  # RGB, mean colour of the sand
    grain: np.ndarray  # 3 x H x W: ground, left half, right half
    noise: np.ndarray  # frames x H x W: what the camera adds
    gain: np.ndarray  # frames: flicker

    @property
    def shape(self) -> tuple[int, int]:
        """H, W."""
        return self.grain.shape[1:]


def draw_scene(
    group: int,
    clip: int,
    num_frames: int = 24,
    size: Sequence[int] = (96, 72),
    noise: float = 10,
    seed: int = 0,
) -> Scene:
    """Draws the `Scene` of one clip. A group has its own ground and light, as in UCF101.

    Args:
        group, clip: counted from 1.
        num_frames: length in frames.
        size: width, height in pixels.
        noise: standard deviation of the camera's noise in grey levels; the flicker goes with it (10
            gives 4 %), and 0 turns both off.
        seed: of the whole data set.
    """
    width, height = size
    rng = np.random.default_rng((seed, group))
    # from grey to warm
    ground = rng.uniform(100, 145) + np.array([12, 3, -12]) + rng.uniform(-12, 12, 3)
    rng = np.random.default_rng((seed, group, clip))
    radius = height * rng.uniform(0.30, 0.38)
    amplitude = height * rng.uniform(0.11, 0.15)
    period = rng.uniform(9, 12)
    free = np.maximum([width / 2 - radius - amplitude, height / 2 - radius], 0)
    white = rng.standard_normal((3, height, width), np.float32)
    grain = [cv2.GaussianBlur(texture, (3, 3), 0.6) for texture in white]
    return Scene(
        center=tuple(np.array([width, height]) / 2 + rng.uniform(-1, 1, 2) * free),
        radius=radius,
        speed=int(rng.integers(5, 9)),
        sway=(amplitude, period, rng.uniform(0, 2 * np.pi)),
        angle=rng.uniform(-0.4, 0.4),
        period=height * rng.uniform(0.13, 0.17),
        ground=ground * rng.uniform(0.9, 1.1),
        grain=np.stack([18 * g / g.std() for g in grain]),
        noise=noise * rng.standard_normal((num_frames, height, width), np.float32),
        gain=1 + 0.004 * noise * rng.standard_normal(num_frames),
    )


def draw_clip(name: str, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Draws the frames of class `name` and their exact flow.

    Returns:
        tuple: frames, uint8 T x H x W x 3 (RGB); flow, float32 T x H x W x 2 (x, y, pixels per
        frame), from frame k to k + 1 (for the last frame, to the one that would follow).
    """
    draw = _draw_sand if name in SAND else _draw_paint
    images, flow = map(
        np.stack, zip(*[draw(name, scene, number) for number in range(len(scene.gain))])
    )
    images = images * scene.gain[:, None, None, None] + scene.noise[..., None]
    return np.clip(np.rint(images), 0, 255).astype(np.uint8), flow


def _from_center(scene, center):
    y, x = np.indices(scene.shape, np.float32)
    return x - center[0], y - center[1]


def _draw_sand(name, scene, k):
    x, y = _from_center(scene, scene.center)
    disc = np.hypot(x, y) <= scene.radius
    grain = scene.grain[0].copy()
    flow = np.zeros((*scene.shape, 2), np.float32)
    for half, texture, direction in zip(
        (disc & (x < 0), disc & (x >= 0)), scene.grain[1:], SAND[name]
    ):
        step = scene.speed * np.array(direction)
        grain[half] = np.roll(texture, k * step[::-1], axis=(0, 1))[half]
        flow[half] = step
    return scene.ground + grain[..., None], flow


def _draw_paint(name, scene, k):
    amplitude, period, phase = scene.sway
    here, there = (
        scene.center[0] + amplitude * np.sin(2 * np.pi * t / period + phase) for t in (k, k + 1)
    )
    x, y = _from_center(scene, (here, scene.center[1]))
    distance = scene.radius - np.hypot(x, y)
    flow = np.zeros((*scene.shape, 2), np.float32)
    flow[distance >= 0, 0] = there - here
    dark, light, pattern = PAINT[name]
    wave = 2 * np.pi / scene.period
    cos = wave * np.cos(scene.angle)
    sin = wave * np.sin(scene.angle)
    # soft edges, about a pixel wide, so that sub-pixel motion looks smooth
    mix = np.clip(0.5 + 1.5 * pattern(cos * x + sin * y, cos * y - sin * x), 0, 1)[..., None]
    cover = np.clip(0.5 + distance, 0, 1)[..., None]
    # the group's light falls on the paint too
    paint = (np.array(light) * mix + np.array(dark) * (1 - mix)) * (
        0.6 + 0.4 * scene.ground.mean() / 125
    )
    return (1 - cover) * (scene.ground + scene.grain[0][..., None]) + cover * paint, flow


def make_synthetic_actions(
    root: str,
    train_groups: int = 10,
    test_groups: int = 3,
    clips_per_group: int = 4,
    num_frames: int = 24,
    size: Sequence[int] = (96, 72),
    noise: float = 10,
    seed: int = 0,
    progress: bool = True,
) -> str:
    """Makes the data set under `root` in UCF101's layout, unless it is there already.

        videos/<Class>/v_<Class>_g01_c01.avi    Motion JPEG, 25 frames a second
        rawframes/<Class>/v_<Class>_g01_c01/    image_00001.jpg, ..., n_frames
        flow/<Class>/v_<Class>_g01_c01/         image_00001x.jpg, image_00001y.jpg, ..., n_frames
        splits/                                 classInd.txt, trainlist01.txt, testlist01.txt, ...

    In split 1 the first `test_groups` groups are for testing, the others for training. Split 2
    divides those others once more: its test list is the last fifth of their groups. It is for
    choices (of settings, of the best checkpoint) that must not look at the test groups.

    The data set is made beside `root` and renamed, so `root` is always whole, and two processes may
    make it at once. What another version or other arguments made is replaced.

    Args:
        root: the folder.
        train_groups, test_groups, clips_per_group: how many, for each class; split 2 needs 2
            train_groups.
        num_frames, size, noise, seed: as in `draw_scene`.
        progress: whether to show a bar (on a terminal).

    Returns:
        str: `root`.

    Raises:
        DataError: `root` holds something else, an argument is out of range, or a file cannot be
            written.
    """
    facts = dict(
        version=VERSION,
        train_groups=train_groups,
        test_groups=test_groups,
        num_frames=num_frames,
        clips_per_group=clips_per_group,
        size=list(size),
        noise=noise,
        seed=seed,
    )
    _check(facts)
    root = os.path.abspath(root)
    if _read_marker(root) == facts:
        return root
    if (
        _read_marker(root) is None
        and os.path.exists(root)
        and (os.path.isfile(root) or os.listdir(root))
    ):
        raise DataError(
            f'{root} is there and was not made by SyntheticActions; name another folder'
        )
    logger.info('drawing SyntheticActions into %s', root)
    os.makedirs(os.path.dirname(root), exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix='.synthetic_actions.', dir=os.path.dirname(root)
    ) as folder:
        made = os.path.join(folder, 'made')
        groups = range(1, test_groups + train_groups + 1)
        clips = [(group, clip) for group in groups for clip in range(1, clips_per_group + 1)]
        hidden = None if progress else True  # None: tqdm hides where there is no terminal
        for group, clip in tqdm(
            clips, desc='drawing SyntheticActions', unit='clip', disable=hidden
        ):
            scene = draw_scene(group, clip, num_frames, size, noise, seed)
            for name in CLASSES:
                _write_clip(
                    made, name, f'v_{name}_g{group:02d}_c{clip:02d}', *draw_clip(name, scene)
                )
        _write_splits(os.path.join(made, 'splits'), clips, test_groups, train_groups)
        _write_text(os.path.join(made, MARKER), json.dumps(facts, indent=1))
        _put_in_place(made, root, facts, aside=os.path.join(folder, 'old'))
    return root


def _check(facts):
    for key in ('train_groups', 'test_groups', 'clips_per_group', 'num_frames'):
        if not isinstance(facts[key], int) or facts[key] < 1:
            raise DataError(
                f'SyntheticActions: {key} must be a whole number from 1 up, got {facts[key]!r}'
            )
    if len(facts['size']) != 2 or min(facts['size']) < 32:
        raise DataError(
            f'SyntheticActions: size must be (width, height) from 32 up, got {facts["size"]!r}'
        )


def _read_marker(root):
    try:
        return read_json(os.path.join(root, MARKER), {})
    except (OSError, ValueError):
        return None


def _put_in_place(made, root, facts, aside):
    for _ in range(3):
        with contextlib.suppress(OSError):
            os.rename(made, root)  # succeeds where nothing or an empty folder is
            return
        if _read_marker(root) == facts:  # another process was quicker
            return
        with contextlib.suppress(OSError):
            os.rename(root, aside)
    raise DataError(f'{root}: cannot be replaced; is another process making other data there?')


def _write_text(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def _write_splits(folder, clips, test_groups, train_groups):
    # the last group that split 2 trains on
    tuning = test_groups + train_groups - max(1, train_groups // 5)
    lines = {f'{subset}list{split:02d}.txt': [] for split in (1, 2) for subset in ('train', 'test')}
    for label, name in enumerate(CLASSES, 1):
        for group, clip in clips:
            video = f'{name}/v_{name}_g{group:02d}_c{clip:02d}.avi'
            if group <= test_groups:
                lines['testlist01.txt'].append(video)
            else:
                lines['trainlist01.txt'].append(f'{video} {label}')
                lines['trainlist02.txt' if group <= tuning else 'testlist02.txt'].append(
                    f'{video} {label}'
                )
    lines['classInd.txt'] = [f'{label} {name}' for label, name in enumerate(CLASSES, 1)]
    for file, content in lines.items():
        _write_text(os.path.join(folder, file), ''.join(f'{line}\n' for line in content))


def _write_clip(root, class_name, name, frames, flow):
    path = os.path.join(root, 'videos', class_name, f'{name}.avi')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fourcc = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(path, cv2.CAP_OPENCV_MJPEG, fourcc, FPS, frames.shape[2:0:-1])
    if not writer.isOpened():
        raise DataError(f'{path}: OpenCV cannot write a Motion JPEG video there')
    bgr = frames[..., ::-1]
    for frame in bgr:
        writer.write(frame)
    writer.release()
    _write_images(os.path.join(root, 'rawframes', class_name, name), bgr, FILENAME_TMPL['RGB'])
    _write_images(os.path.join(root, 'flow', class_name, name), encode(flow), FILENAME_TMPL['Flow'])


def _write_images(folder, images, template):
    """Writes T x H x W x 3 as one file per frame, and T x H x W x 2 as two, x and y."""
    _write_text(os.path.join(folder, 'n_frames'), str(len(images)))
    for number, image in enumerate(images, 1):
        if images.shape[-1] == 3:
            parts = {template.format(number): image}
        else:
            parts = {template.format(axis, number): image[..., i] for i, axis in enumerate('xy')}
        for name, part in parts.items():
            if not cv2.imwrite(os.path.join(folder, name), part):
                raise DataError(f'{os.path.join(folder, name)}: cannot be written')
