import cv2
import numpy as np
import pytest
import videos

from i3dbox.commands import main
from i3dbox.commands.browse_dataset import safe_name

STEPS = """
def steps():
    return [dict(type='OpenClip'), dict(type='SampleFrames', clip_len=4), dict(type='DecodeClip'),
            dict(type='RandomCrop', size=32), dict(type='PackClips')]
"""
TINY = 'dict(train_groups=1, test_groups=1, clips_per_group=1, num_frames=6, size=(48, 40))'
RGB = f"dict(type='SyntheticActions', generation={TINY}, pipeline=steps())"
FLOW = f"dict(type='SyntheticActions', modality='Flow', generation={TINY}, pipeline=steps())"


@pytest.fixture
def browse(tmp_path, monkeypatch, capsys):
    """Browses a config with this data set; returns the status, the pictures and what was
    printed.
    """
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path / 'cache'))

    def run(dataset, *args, subset='train'):
        config = tmp_path / 'config.py'
        config.write_text(f'{STEPS}data = dict({subset}={dataset})\ndel steps\n', encoding='utf-8')
        out = tmp_path / 'out'
        status = main('browse_dataset', [str(config), str(out), *args])
        return status, sorted(out.glob('*')) if out.is_dir() else [], ' '.join(capsys.readouterr())

    return run


def height(path):
    return cv2.imread(str(path)).shape[0]


def test_a_picture_is_written_for_each_sample_and_told(browse):
    status, pictures, printed = browse(RGB)
    assert status == 0 and len(pictures) == 8 and '8 of 8 train samples' in printed
    assert pictures[0].name == 'train_00000_FallingSand_v_FallingSand_g02_c01.png'
    assert all(str(picture) in printed for picture in pictures)


def test_number_limits_and_seed_chooses(browse):
    first = browse(FLOW, '--number', '2', '--seed', '1')[1]
    assert len(first) == 2
    assert len(browse(FLOW, '--number', '2', '--seed', '4')[1]) > 2


def test_the_same_call_leaves_the_same_files_alone(browse):
    before = [(path, path.stat().st_ino) for path in browse(RGB)[1]]
    assert [(path, path.stat().st_ino) for path in browse(RGB)[1]] == before


def test_another_subset_is_drawn(browse):
    status, pictures, _ = browse(RGB, '--subset', 'val', '--number', '1', subset='val')
    assert status == 0 and pictures[0].name.startswith('val_')


def test_rgb_pictures_have_the_colours_of_the_video(browse):
    pictures = browse(RGB)[1]
    red, blue = (
        cv2.imread(str(next(p for p in pictures if name in p.name)))[60:].reshape(-1, 3).astype(int)
        for name in ('RedStripes', 'BlueChecks')
    )
    assert ((red[:, 2] - red[:, 0]) > 80).any() and not ((red[:, 0] - red[:, 2]) > 80).any()
    assert ((blue[:, 0] - blue[:, 2]) > 80).any() and not ((blue[:, 2] - blue[:, 0]) > 80).any()


def test_a_two_stream_data_set_shows_both_streams(browse):
    one = height(browse(RGB, '--number', '1')[1][0])
    both = height(
        browse(f"dict(type='TwoStreamDataset', rgb={RGB}, flow={FLOW})", '--number', '1')[1][0]
    )
    assert both == 2 * one


def test_odd_names_make_safe_files_and_a_damaged_video_is_told(browse, tmp_path):
    name = 'cafés #1 (视频)&;[x]'
    videos.write_video(tmp_path / 'a.avi', videos.moving_frames(8)).rename(tmp_path / f'{name}.avi')
    (tmp_path / 'damaged.avi').write_bytes(b'')
    (tmp_path / 'list.txt').write_text(f'{name}.avi 0\ndamaged.avi 1\n', encoding='utf-8')
    status, pictures, printed = browse(
        f"dict(type='VideoDataset', ann_file={str(tmp_path / 'list.txt')!r}, "
        f'data_prefix={str(tmp_path)!r}, pipeline=steps())'
    )
    assert status == 0
    assert [picture.name for picture in pictures] == ['train_00000_cafes_1_x.png']
    assert 'damaged is damaged' in printed and '1 of 2 train samples' in printed


def test_what_cannot_be_done_is_told_in_one_line(browse, capsys):
    status, pictures, printed = browse(RGB, '--subset', 'test')
    assert status == 1 and not pictures and "has no 'data.test'" in printed
    for args in (['--number', '0'], ['--seed', '-1']):
        with pytest.raises(SystemExit):
            browse(RGB, *args)
        assert f'{args[0]}: it is a whole number from' in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_is_left_alone(browse, tmp_path):
    (tmp_path / 'out').write_text('mine')
    status, _, printed = browse(RGB)
    assert (
        status == 1
        and 'cannot be made a folder' in printed
        and (tmp_path / 'out').read_text() == 'mine'
    )


@pytest.mark.parametrize(
    'name, safe',
    [('a/b c.avi', 'a_b_c.avi'), ('../../etc', 'etc'), ('视频', 'sample'), ('x' * 300, 'x' * 100)],
)
def test_names_become_safe_file_names(name, safe):
    assert safe_name(name) == safe


def test_the_drawing_is_the_whole_clip():
    from i3dbox.commands.browse_dataset import draw

    class Dataset:
        inputs, classes = ('imgs',), ['Wave']

    clip = np.full((2, 3, 100, 100, 3), 77, np.uint8)
    picture = draw(Dataset, dict(imgs=clip, label=0, name='v'))
    assert picture.shape[0] == 2 * 20 + 2 * 102 and (picture == 77).sum() >= clip.size
