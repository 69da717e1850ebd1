"""Folders of frames are read whatever their images are called and from whichever number they
count, or refused."""

import os

import numpy as np
import pytest
from videos import moving_frames, write_images, write_video

from i3dbox.commands import main
from i3dbox.datasets.list_dataset import RawframeDataset
from i3dbox.errors import ConfigError, DamagedSampleError
from i3dbox.media.frame_folder import FrameFolder
from i3dbox.media.frame_names import frame_names, likely_names
from i3dbox.media.packed_frames import PackedFrames, PackIndex
from i3dbox.preparation.extraction import extract
from i3dbox.preparation.sources import find_frame_folders, find_sources

RGB = moving_frames(6)
FLOW = [np.full((48, 64, 2), (20 * i, 100 + 20 * i), np.uint8) for i in range(6)]


@pytest.mark.parametrize('start', [0, 1])
@pytest.mark.parametrize(
    'template',
    [
        'image_{:05d}.jpg',
        'img_{:05d}.jpg',
        'frame{:d}.png',
        '{:06d}.jpg',
        'v_Apply_g01_c01_{:04d}.jpeg',
        '{{a}}:{:03d}%d.bmp',
    ],
)
def test_rgb_frames_are_found_by_any_name(tmp_path, template, start):
    write_images(tmp_path / 'v', RGB, template, start)
    folder = FrameFolder(tmp_path / 'v')
    assert (len(folder), folder.names.start_index) == (6, start)
    assert folder.names.of(2) == [template.format(start + 2)]
    assert np.abs(folder.read([3])[0].astype(int) - RGB[3]).mean() < 8


@pytest.mark.parametrize('start', [0, 1])
@pytest.mark.parametrize(
    'template',
    [
        'image_{1:05d}{0}.jpg',
        'flow_{}_{:05d}.jpg',
        '{}_{:d}.png',
        'max_{0}/'.replace('/', '-') + '{1:04d}.jpg',
        'flow_{1:04d}_{0}x.png',
    ],
)
def test_flow_is_found_by_any_pair_of_x_and_y(tmp_path, template, start):
    write_images(tmp_path / 'v', FLOW, template, start, quality=100)
    folder = FrameFolder(tmp_path / 'v', 'Flow')
    assert (len(folder), folder.names.start_index) == (6, start)
    assert np.abs(folder.read([4])[0].astype(int) - FLOW[4]).max() < 4


def test_rgb_and_flow_in_one_folder_are_told_apart(tmp_path):
    write_images(tmp_path, RGB, 'frame-{:04d}.jpg', 0)
    write_images(tmp_path, FLOW, 'flow-{}-{:04d}.jpg', 0)
    assert len(FrameFolder(tmp_path)) == len(FrameFolder(tmp_path, 'Flow')) == 6
    assert FrameFolder(tmp_path).names.template == 'frame-{:04d}.jpg'


def test_images_of_two_names_are_refused_until_one_is_chosen(tmp_path):
    write_images(tmp_path, RGB, 'left_{:02d}.jpg')
    write_images(tmp_path, RGB, 'right_{:02d}.jpg')
    with pytest.raises(DamagedSampleError, match=r'several names \(left_{:02d}.jpg, right_'):
        FrameFolder(tmp_path)
    assert len(FrameFolder(tmp_path, filename_tmpl='left_{:02d}.jpg')) == 6


def test_two_kinds_of_frames_in_a_folder_are_an_error_to_commands_also_by_a_known_name(tmp_path):
    write_images(tmp_path / 'in/a', RGB, 'img_{:05d}.jpg')
    write_images(tmp_path / 'in/a', RGB, 'frame_{:05d}.jpg')
    sources = find_sources(str(tmp_path / 'in'))
    (failure,) = extract('Flow', sources, str(tmp_path / 'out'), 0, method='dis').failures
    assert 'several names' in failure.reason and 'filename-tmpl says which' in failure.reason
    chosen = find_sources(str(tmp_path / 'in'), filename_tmpl='frame_{:05d}.jpg')
    assert extract('Flow', chosen, str(tmp_path / 'out'), 0, method='dis').made == 1


def test_folders_that_do_not_fit_the_names_that_are_given_are_failures(tmp_path):
    write_images(tmp_path / 'in/a', RGB, 'image_{:05d}.jpg')
    write_images(tmp_path / 'in/b', RGB, 'img_{:05d}.jpg')
    sources = find_sources(str(tmp_path / 'in'), filename_tmpl='image_{:05}.jpg')
    done = extract('Flow', sources, str(tmp_path / 'out'), 0, method='dis')
    assert (done.made, [failure.name for failure in done.failures]) == (1, ['b'])


def test_a_folder_is_not_filled_with_what_is_made_of_it(tmp_path, capsys):
    write_video(tmp_path / 'a.avi', RGB)
    assert main('extract_frames', [str(tmp_path), str(tmp_path)]) == 1
    assert 'name another folder for what is made' in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ['a.avi']


def test_a_first_number_that_may_be_a_gap_has_to_be_given(tmp_path):
    write_images(tmp_path, RGB, 'frame_{:04d}.jpg', 12)
    with pytest.raises(DamagedSampleError, match='frame_0012.jpg: .*start_index=12 says so'):
        FrameFolder(tmp_path)
    assert len(FrameFolder(tmp_path, start_index=12)) == 6


def test_a_gap_is_a_gap_under_any_name(tmp_path):
    write_images(tmp_path, RGB, 'f{:d}.jpg', 0)
    os.remove(tmp_path / 'f3.jpg')
    with pytest.raises(DamagedSampleError, match='f3.jpg: this frame is missing'):
        FrameFolder(tmp_path)


def test_the_number_that_a_list_states_counts_from_where_the_frames_begin(tmp_path):
    write_images(tmp_path / 'v', RGB, 'img_{:05d}.jpg', 0)
    (tmp_path / 'list.txt').write_text('v 6 0\n')
    (sample,) = RawframeDataset(str(tmp_path / 'list.txt'), str(tmp_path), []).samples
    assert len(FrameFolder(sample['frame_dir'], total_frames=sample['total_frames'])) == 6
    with pytest.raises(DamagedSampleError, match='img_00006.jpg: this frame is missing'):
        FrameFolder(sample['frame_dir'], total_frames=7)


def test_what_is_no_numbered_image_is_no_frame():
    there = ['n_frames', 'cover.jpg', '.jpg', '7.txt', 'a٣.jpg', 'x' * 300]
    assert likely_names('RGB', there) == likely_names('Flow', there) == []


def test_pictures_beside_the_folders_are_no_frames(tmp_path):
    write_images(tmp_path, RGB[:1], 'cover{:d}.jpg')
    write_images(tmp_path / 'v', RGB, 'f{:03d}.jpg')
    assert [source.name for source in find_frame_folders(str(tmp_path))] == ['v']


@pytest.mark.slow
def test_frames_that_count_from_0_are_extracted_and_packed_whole(tmp_path):
    """They lost one of two frames at each end, with exit status 0."""
    write_images(tmp_path / 'frames/v', RGB, start=0)
    sources = find_sources(str(tmp_path / 'frames'))
    flow = extract('Flow', sources, str(tmp_path / 'flow'), 0, method='dis')
    assert flow.frames == 5
    assert main('pack', [str(tmp_path / 'frames'), str(tmp_path / 'packs')]) == 0
    records = PackIndex(str(tmp_path / 'packs'), 'RGB').find('v')
    packed = PackedFrames(records, 'RGB', 'v').read(range(6))
    assert (packed[0] == FrameFolder(tmp_path / 'frames/v').read([0])[0]).all() and len(packed) == 6


def test_names_may_be_given_to_the_commands(tmp_path, capsys):
    write_images(tmp_path / 'frames/v', RGB, 'left_{:02d}.jpg', 4)
    write_images(tmp_path / 'frames/v', RGB, 'right_{:02d}.jpg', 4)
    words = [str(tmp_path / 'frames'), str(tmp_path / 'flow'), '--method', 'dis', '--workers', '1']
    names = ['--filename-tmpl', 'left_{:02d}.jpg', '--start-index', '4']
    assert main('extract_flow', [*words, *names]) == 0
    assert (tmp_path / 'flow/v/n_frames').read_text() == '5'
    assert main('pack', [*words[:2], *names]) == 1
    assert 'with --filename-tmpl, say by --modality what it names' in capsys.readouterr().err


@pytest.mark.parametrize('template', ['img_{:999999999}.jpg', 'a{:.999999d}.png', '{:0500d}.jpg'])
def test_a_name_without_end_is_refused_before_it_is_made(template):
    with pytest.raises(ConfigError, match='does not name RGB frames .a number in it is too large'):
        frame_names('RGB', 1, template)
