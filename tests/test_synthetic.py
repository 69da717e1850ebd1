import filecmp
import json
import pathlib
import threading

import cv2
import numpy as np
import pytest

from i3dbox.datasets import synthetic
from i3dbox.datasets.synthetic import (
    CLASSES,
    PAINT,
    SAND,
    SyntheticActions,
    cached,
    draw_clip,
    draw_scene,
    make_synthetic_actions,
)
from i3dbox.errors import ConfigError, DataError
from i3dbox.flow.encoding import decode

TINY = dict(train_groups=2, test_groups=1, clips_per_group=1, num_frames=4, size=(48, 40))


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return make(tmp_path_factory.mktemp('made') / 'actions')


def make(folder, **changes):
    return pathlib.Path(make_synthetic_actions(folder, progress=False, **{**TINY, **changes}))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


def read_video(path):
    video, frames = cv2.VideoCapture(str(path)), []
    while True:
        there, frame = video.read()
        if not there:
            return np.stack(frames)[..., ::-1]
        frames.append(frame)


def test_the_layout_is_that_of_ucf101(root):
    name = 'RisingSand/v_RisingSand_g02_c01'
    made = files(root)
    assert f'videos/{name}.avi' in made
    assert files(root / 'flow' / name) == [
        f'image_0000{k}{axis}.jpg' for k in range(1, 5) for axis in 'xy'
    ] + ['n_frames']
    assert f'rawframes/{name}/image_00004.jpg' in made
    assert (root / 'flow' / name / 'n_frames').read_text() == '4'


def test_train_and_test_lists_share_no_group_and_split_2_stays_within_training(root):
    groups = {}
    for path in (root / 'splits').glob('t*.txt'):
        groups[path.stem] = {line.split('_')[2] for line in path.read_text().splitlines()}
    assert groups == {
        'trainlist01': {'g02', 'g03'},
        'testlist01': {'g01'},
        'trainlist02': {'g02'},
        'testlist02': {'g03'},
    }


def test_the_videos_hold_the_drawn_frames_and_the_folders_their_flow(root):
    name = 'SwayingRedStripes'
    frames, flow = draw_clip(name, draw_scene(2, 1, TINY['num_frames'], TINY['size']))
    video = read_video(root / 'videos' / name / f'v_{name}_g02_c01.avi')
    assert video.shape == frames.shape == (4, 40, 48, 3)
    smooth = [cv2.GaussianBlur(clip[0].astype(np.float32), (5, 5), 2) for clip in (video, frames)]
    assert np.abs(smooth[0] - smooth[1]).mean() < 4  # JPEG halves the colours' resolution
    folder = root / 'flow' / name / f'v_{name}_g02_c01'
    stored = [
        cv2.imread(str(folder / f'image_00002{axis}.jpg'), cv2.IMREAD_GRAYSCALE) for axis in 'xy'
    ]
    assert np.abs(decode(np.stack(stored, -1)) - flow[1]).mean() < 0.2


def test_the_same_seed_gives_the_same_files_and_another_seed_others(root, tmp_path):
    again = make(tmp_path / 'again')
    other = make(tmp_path / 'other', seed=1)
    names = files(root)
    assert names == files(again)
    assert filecmp.cmpfiles(root, again, names, shallow=False)[1:] == ([], [])
    assert any(
        name.endswith('.avi') for name in filecmp.cmpfiles(root, other, names, shallow=False)[1]
    )


@pytest.mark.parametrize('name', CLASSES)
def test_the_flow_carries_each_frame_to_the_next(name):
    frames, flow = draw_clip(name, draw_scene(1, 1, num_frames=4, noise=0))
    y, x = np.indices(frames.shape[1:3], np.float32)
    for here, there, motion in zip(frames, frames[1:], flow):
        # places well inside a moving region whose aim is inside it too, so that nothing hides them
        aim = cv2.remap(motion, x + motion[..., 0], y + motion[..., 1], cv2.INTER_NEAREST)
        inside = (
            cv2.erode(
                (np.hypot(*motion.transpose(2, 0, 1)) > 0.5).astype(np.uint8), np.ones((5, 5))
            )
            > 0
        )
        inside &= (aim == motion).all(-1)
        warped = cv2.remap(there, x + motion[..., 0], y + motion[..., 1], cv2.INTER_LINEAR)
        error = np.abs(warped.astype(float) - here)[inside].mean()
        still = np.abs(there.astype(float) - here)[inside].mean()
        assert inside.sum() > 200 and error < (0.5 if name in SAND else 0.2 * still + 2)


def test_painted_discs_all_sway_with_the_same_flow(root):
    flows = [draw_clip(name, draw_scene(3, 2))[1] for name in PAINT]
    assert all((flow == flows[0]).all() for flow in flows)
    folders = [root / 'flow' / name / f'v_{name}_g01_c01' for name in PAINT]
    for folder in folders[1:]:
        assert filecmp.cmpfiles(folders[0], folder, files(folder), shallow=False)[1:] == ([], [])


def test_sand_classes_start_with_the_same_frame_and_differ_in_flow():
    clips = [draw_clip(name, draw_scene(3, 2)) for name in SAND]
    assert all((frames[0] == clips[0][0][0]).all() for frames, _ in clips)
    flows = [flow for _, flow in clips]
    assert all((flows[i] != flows[j]).any() for i in range(4) for j in range(i))


def test_a_still_frame_of_sand_looks_the_same_at_any_time():
    frames, flow = draw_clip('PartingSand', draw_scene(1, 1, noise=0))
    moving = np.abs(flow[0]).sum(-1) > 0
    for frame in frames[1:]:
        inside, outside = frame[moving].astype(float), frame[~moving].astype(float)
        assert abs(inside.std() - outside.std()) < 2 and abs(inside.mean() - outside.mean()) < 2


@pytest.mark.parametrize('name', CLASSES)
def test_a_mirrored_clip_keeps_its_class(name):
    _, flow = draw_clip(name, draw_scene(1, 1))
    mirrored = flow[:, :, ::-1] * np.array([-1, 1])

    def motion(flow):
        """Downwards, and away from the middle of what moves: -1, 0 or 1 each."""
        moving = np.abs(flow).max(-1) > 0
        x = np.indices(moving.shape)[2]
        center = (x * moving).sum((1, 2), keepdims=True) / moving.sum((1, 2), keepdims=True)
        means = flow[..., 1].mean(), (flow[..., 0] * np.sign(x - center)).mean()
        return [int(np.sign(mean)) if abs(mean) > 0.5 else 0 for mean in means]

    expected = {
        'RisingSand': [-1, 0],
        'FallingSand': [1, 0],
        'PartingSand': [0, 1],
        'MeetingSand': [0, -1],
    }
    assert motion(flow) == motion(mirrored) == expected.get(name, [0, 0])


def test_without_noise_the_ground_rests():
    frames, flow = draw_clip('RisingSand', draw_scene(1, 1, noise=0))
    resting = np.abs(flow[0]).sum(-1) == 0
    assert (frames[:, resting] == frames[0, resting]).all()


def test_what_is_there_is_not_made_again_unless_the_generator_changed(tmp_path, monkeypatch):
    root = make(tmp_path / 'actions')
    marker = tmp_path / 'actions' / synthetic.MARKER
    before = marker.stat().st_ino
    make(root)
    assert marker.stat().st_ino == before
    monkeypatch.setattr(synthetic, 'VERSION', 999)
    make(root)
    assert json.loads(marker.read_text())['version'] == 999
    assert [path.name for path in tmp_path.iterdir()] == ['actions']


def test_two_at_once_both_succeed(tmp_path):
    errors = []

    def try_it():
        try:
            make(tmp_path / 'actions')
        except Exception as error:  # a thread's error would be lost
            errors.append(error)

    threads = [threading.Thread(target=try_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and [path.name for path in tmp_path.iterdir()] == ['actions']


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        synthetic, '_write_splits', lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / 'actions')
    assert not list(tmp_path.iterdir())


def test_a_folder_of_the_users_is_left_alone(tmp_path):
    (tmp_path / 'thesis.txt').write_text('years of work')
    with pytest.raises(DataError, match='was not made by SyntheticActions'):
        make(tmp_path)
    with pytest.raises(DataError, match='thesis.txt'):
        make(tmp_path / 'thesis.txt')
    assert (tmp_path / 'thesis.txt').read_text() == 'years of work'


@pytest.mark.parametrize('wrong', [dict(num_frames=0), dict(train_groups=1.5), dict(size=(96, 8))])
def test_arguments_out_of_range_are_named(tmp_path, wrong):
    with pytest.raises(DataError, match=next(iter(wrong))):
        make(tmp_path / 'actions', **wrong)


@pytest.mark.parametrize('modality, key', [('RGB', 'filename'), ('Flow', 'frame_dir')])
def test_the_data_set_makes_itself_in_the_cache(tmp_path, monkeypatch, modality, key):
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path))
    dataset = SyntheticActions(subset='test', modality=modality, generation=TINY, pipeline=[])
    assert len(dataset) == 8 and dataset.classes == CLASSES
    assert all(sample[key].startswith(cached(TINY)) for sample in dataset.samples)
    train = SyntheticActions(subset='train', modality=modality, generation=TINY, pipeline=[])
    assert [sample['label'] for sample in train.samples] == sorted(2 * list(range(8)))


def test_other_generations_have_other_folders_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path))
    assert len({cached(), cached(TINY), cached(dict(TINY, seed=5))}) == 3


def test_an_unknown_generation_key_is_named():
    with pytest.raises(ConfigError, match='nois'):
        SyntheticActions(generation=dict(nois=3), pipeline=[])
