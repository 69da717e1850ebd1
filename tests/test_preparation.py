"""Frames, flow and their folders: what is found, what is written, and what happens when something
goes wrong.
"""

import fractions
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import av
import cv2
import numpy as np
import pytest
from videos import encode as write_encoded
from videos import moving_frames, write_images, write_mjpeg, write_video

from i3dbox.commands import main
from i3dbox.errors import DataError
from i3dbox.fileio import atomic_folder
from i3dbox.flow.encoding import encode
from i3dbox.media.frame_folder import FrameFolder
from i3dbox.media.video_file import VideoFile
from i3dbox.media.video_reader import VideoReader
from i3dbox.preparation.extraction import extract
from i3dbox.preparation.images import bgr_frames
from i3dbox.preparation.jobs import run_jobs
from i3dbox.preparation.sources import Source, find_frame_folders, find_sources, find_videos, shard
from i3dbox.registry import FLOW_METHODS
from i3dbox.workers import count_frame

TOOLS = pathlib.Path(__file__).parents[1] / 'tools/data'
ODD_NAMES = ['#20_Rhythm_clap_u_nm_np1_fr_goo_0', "a b's [clip]; (x)&+!", 'Prügelei_日本', '-dash']


@pytest.fixture
def videos(tmp_path):
    """Six videos below two class folders and a deeper one, with odd names."""
    root = tmp_path / 'videos'
    names = [
        f'clap/{ODD_NAMES[0]}',
        f'clap/{ODD_NAMES[1]}',
        f'kick/{ODD_NAMES[2]}',
        f'kick/deep/er/{ODD_NAMES[3]}',
        'kick/plain',
        'kick/other',
    ]
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(root / f'{name}.avi', moving_frames(6 + i, seed=i))
    return root


def tree(folder):
    """All files below a folder, hidden ones too, with their content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def run_tool(name, *words, **kwargs):
    return subprocess.run(
        [sys.executable, TOOLS / f'{name}.py', *map(str, words)],
        capture_output=True,
        text=True,
        **kwargs,
    )


# what is found


def test_videos_are_found_at_any_depth_and_keep_their_names(videos):
    (videos / 'notes.txt').write_text('no video')
    (videos / 'kick/._plain.avi').write_bytes(b'what a Mac leaves behind')
    assert [video.name for video in find_videos(str(videos))] == sorted(
        [
            *(f'clap/{name}' for name in ODD_NAMES[:2]),
            f'kick/{ODD_NAMES[2]}',
            'kick/deep/er/-dash',
            'kick/other',
            'kick/plain',
        ]
    )


def test_links_are_followed_but_not_in_circles(videos, tmp_path):
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    write_video(elsewhere / 'linked.avi', moving_frames(3))
    (videos / 'jump').symlink_to(elsewhere)
    (videos / 'jump2').symlink_to(elsewhere)
    (elsewhere / 'file.avi').symlink_to(videos / 'kick/plain.avi')
    (elsewhere / 'back').symlink_to(videos)
    names = [video.name for video in find_videos(str(videos))]
    assert {'jump/linked', 'jump/file', 'jump2/linked', 'jump2/file'} <= set(names) and len(
        names
    ) == 10


def test_videos_that_differ_in_their_extension_only_keep_it(tmp_path):
    for name in ('a.avi', 'a.mp4', 'b.avi'):
        (tmp_path / name).write_bytes(b'')
    assert [source.name for source in find_videos(str(tmp_path))] == ['a.avi', 'a.mp4', 'b']


def test_folders_of_frames_are_found_where_there_are_no_videos(tmp_path):
    write_images(tmp_path / 'x/one', moving_frames(2))
    write_images(tmp_path / 'x/two', [np.zeros((8, 8, 2), np.uint8)], 'image_{1:05d}{0}.jpg')
    assert [source[:3:2] for source in find_frame_folders(str(tmp_path))] == [
        ('x/one', 'RGB'),
        ('x/two', 'Flow'),
    ]
    assert [source.name for source in find_sources(str(tmp_path))] == ['x/one']
    assert [source.name for source in find_sources(str(tmp_path / 'x/one'))] == ['one']


def test_nothing_to_work_on_is_an_error_that_says_what_was_expected(tmp_path):
    with pytest.raises(
        DataError, match=r'holds no videos \(.avi, .* no folders of frames \(image_00001.jpg, ...\)'
    ):
        find_sources(str(tmp_path))
    with pytest.raises(DataError, match='nowhere: cannot be read: No such file'):
        find_sources(str(tmp_path / 'nowhere'))


def test_shards_are_disjoint_and_together_everything():
    parts = [shard(list(range(10)), (number, 3)) for number in (1, 2, 3)]
    assert (
        sorted(sum(parts, [])) == list(range(10))
        and max(map(len, parts)) - min(map(len, parts)) <= 1
    )


# frames


def test_frames_are_written_in_the_originals_layout(videos, tmp_path):
    done = extract('RGB', find_videos(str(videos)), str(tmp_path / 'out'), 0, short_side=24)
    assert done == (6, 0, 6 + 7 + 8 + 9 + 10 + 11, [])
    folder = tmp_path / 'out/kick/plain'
    assert sorted(os.listdir(folder)) == [*(f'image_{i:05d}.jpg' for i in range(1, 11)), 'n_frames']
    assert (folder / 'n_frames').read_text() == '10'
    with VideoReader(str(videos / 'kick/plain.avi')) as reader:
        expected = [cv2.resize(frame, (32, 24)) for frame in reader.read(range(10))]
    frames = FrameFolder(str(folder)).read(range(10))
    difference = np.subtract(frames, expected, dtype=int)
    assert np.abs(difference.mean(axis=-1)).mean() < 6  # JPEG; another frame is 20 away
    assert np.abs(difference.mean(axis=(1, 2))).max() < 3  # each colour is where it was
    for name in ODD_NAMES[:2]:
        assert len(FrameFolder(str(tmp_path / 'out/clap' / name))) in (6, 7)


def test_short_side_0_keeps_the_size_and_a_tall_video_stays_tall(tmp_path):
    write_video(tmp_path / 'tall.avi', moving_frames(2, 48, 64))
    for short_side, shape in ((0, (64, 48)), (24, (32, 24))):
        out = tmp_path / f'out{short_side}'
        extract('RGB', find_videos(str(tmp_path / 'tall.avi')), str(out), 0, short_side=short_side)
        assert FrameFolder(str(out / 'tall')).read([1])[0].shape[:2] == shape


@pytest.mark.parametrize(
    'fps, expected',
    [
        (25, [0, 1, 2, 3, 4, 5]),
        (12.5, [0, 2, 4]),
        (10, [0, 2, 5]),
        (50, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
    ],
)
def test_fps_repeats_frames_or_leaves_them_out(tmp_path, fps, expected):
    levels = [np.full((32, 32, 3), 40 * k, np.uint8) for k in range(6)]
    write_video(tmp_path / 'a.avi', levels, fps=25)
    extract('RGB', find_videos(str(tmp_path / 'a.avi')), str(tmp_path / 'out'), 0, fps=fps)
    frames = FrameFolder(str(tmp_path / 'out/a'))
    assert [round(frame.mean() / 40) for frame in frames.read(range(len(frames)))] == expected


def write_at_times(path, times):
    """A video of rising levels of grey, each shown from its time in seconds on."""
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('ffv1', rate=1000)
        stream.height, stream.width, stream.pix_fmt = 32, 32, 'gray'
        stream.codec_context.time_base = fractions.Fraction(1, 1000)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32), 2 * number, np.uint8), 'gray')
            frame.pts = round(time * 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize('rate', [24, 30, 60])
@pytest.mark.parametrize('suffix', ['mkv', 'flv'])
def test_a_constant_rate_stays_constant_in_containers_that_round_to_milliseconds(
    tmp_path, suffix, rate
):
    levels = [np.full((32, 32, 3), 4 * k, np.uint8) for k in range(60)]
    path = write_encoded(
        tmp_path / f'a.{suffix}', levels, 'ffv1' if suffix == 'mkv' else 'flv', fps=rate
    )
    (source,) = find_videos(str(path))
    shown = [frame.mean() for frame in bgr_frames(source)]
    for fps, step in ((rate, 1), (rate / 2, 2), (rate / 3, 3)):
        assert [frame.mean() for frame in bgr_frames(source, fps=fps)] == shown[::step]


@pytest.mark.parametrize(
    'times, fps, expected',
    [
        # half of the frames in the first second, then one a second
        ([*np.arange(10) / 10, 1, 2, 3], 2, [0, 5, 10, 10, 11, 11, 12]),
        # a jitter by which the header's rate is guessed as far too high
        (
            [0.033 * k + 0.002 * (k % 3) for k in range(31)],
            10,
            [0, 3, 6, 9, 12, 15, 18, 21, 24, 27],
        ),
    ],
)
def test_fps_goes_by_the_times_of_the_frames(tmp_path, times, fps, expected):
    write_at_times(tmp_path / 'a.mkv', times)
    extract('RGB', find_videos(str(tmp_path / 'a.mkv')), str(tmp_path / 'out'), 0, fps=fps)
    frames = FrameFolder(str(tmp_path / 'out/a'))
    found = [round(frame.mean() / 2) for frame in frames.read(range(len(frames)))]
    assert found == expected


def test_a_video_whose_header_promises_a_frame_too_many_gives_those_that_are_there(
    tmp_path, monkeypatch
):
    write_video(tmp_path / 'a.avi', moving_frames(8))
    monkeypatch.setattr(VideoFile, 'indexed', lambda self: 9)
    assert (
        extract('RGB', find_videos(str(tmp_path / 'a.avi')), str(tmp_path / 'out'), 0).frames == 8
    )


# flow


def flow_of(frames, method):
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    return [FLOW_METHODS.build(dict(type=method))(*pair) for pair in zip(grey, grey[1:])]


@pytest.mark.parametrize('method', ['tvl1', 'dis'])
def test_flow_is_taken_after_the_resize_and_one_less_than_frames(tmp_path, method):
    frames = moving_frames(5, 96, 64)
    write_video(tmp_path / 'a.avi', frames)
    extract(
        'Flow',
        find_videos(str(tmp_path / 'a.avi')),
        str(tmp_path / 'out'),
        0,
        method=method,
        short_side=32,
        bound=10,
    )
    assert sorted(os.listdir(tmp_path / 'out/a')) == [
        *(f'image_{i:05d}{axis}.jpg' for i in range(1, 5) for axis in 'xy'),
        'n_frames',
    ]
    assert (tmp_path / 'out/a/n_frames').read_text() == '4'
    with VideoReader(str(tmp_path / 'a.avi')) as reader:
        resized = [cv2.resize(frame, (48, 32)) for frame in reader.read(range(5))]
    written = FrameFolder(str(tmp_path / 'out/a'), 'Flow').read(range(4))
    expected = [encode(flow, 10) for flow in flow_of(resized, method)]
    assert np.abs(np.subtract(written, expected, dtype=int)).mean() < 1.5


def test_flow_of_a_video_and_of_its_frames_is_the_same_up_to_jpeg(tmp_path):
    (tmp_path / 'v').mkdir()
    write_video(tmp_path / 'v/a.avi', moving_frames(5, 96, 64))
    extract(
        'RGB', find_videos(str(tmp_path / 'v')), str(tmp_path / 'rgb'), 0, short_side=0, quality=100
    )
    for source in ('v', 'rgb'):
        extract(
            'Flow',
            find_sources(str(tmp_path / source)),
            str(tmp_path / f'flow_{source}'),
            0,
            method='tvl1',
            short_side=0,
        )
    video, frames = (
        FrameFolder(str(tmp_path / f'flow_{source}/a'), 'Flow').read(range(4))
        for source in ('v', 'rgb')
    )
    assert np.abs(np.subtract(video, frames, dtype=int)).mean() < 0.5


@pytest.mark.slow
def test_several_threads_write_what_one_does(tmp_path):
    write_video(tmp_path / 'a.avi', moving_frames(9))
    sources = find_videos(str(tmp_path / 'a.avi'))
    for workers in (0, 3):  # one process with three threads, as there is one video
        extract('Flow', sources, str(tmp_path / f'out{workers}'), workers, method='tvl1')
    assert tree(tmp_path / 'out0') == tree(tmp_path / 'out3')


# what goes wrong


@pytest.mark.slow
def test_a_failing_video_is_skipped_and_listed_and_the_status_says_so(videos, tmp_path):
    whole = (videos / 'kick/plain.avi').read_bytes()
    (videos / 'kick/plain.avi').write_bytes(whole[: len(whole) // 2])
    (videos / 'kick/other.avi').write_bytes(b'')
    (videos / 'picture.avi').write_bytes(
        cv2.imencode('.png', np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    )
    write_video(videos / 'single.avi', moving_frames(1))
    for attempt in range(2):
        done = run_tool('extract_flow', videos, tmp_path / 'out', '--method', 'dis', '--workers', 2)
        assert done.returncode == 1
        assert '4 videos failed:' in done.stderr
        for line in (
            'other.avi: the file is empty',
            'single.avi: a single frame has no flow',
            'picture.avi: this is',
        ):
            assert line in done.stderr.split('videos failed:')[1]
        assert (
            '4 folders of flow made'
            if attempt == 0
            else '0 folders of flow made, 0 frames; 4 were there already'
        ) in done.stdout
    assert not [path for path in (tmp_path / 'out').rglob('*') if path.name.startswith('.')]
    assert not (tmp_path / 'out/kick/plain').exists()


def die_of(source, threads):
    if source.name == 'c':
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return 1, source.name


@pytest.mark.slow
def test_a_video_that_kills_its_process_is_found_out_and_the_others_are_done():
    sources = [Source(name, f'{name}.avi') for name in 'abcdef']
    done = run_jobs(die_of, sources, 2, 'dying')
    assert sorted(done.results) == ['a', 'b', 'd', 'e', 'f']
    assert [(failure.name, failure.reason.split(',')[0]) for failure in done.failures] == [
        ('c', 'its process died')
    ]


def take_long(source, threads):
    for _ in range(3):
        count_frame()
        time.sleep(0.4)
    return 3, None


def test_a_long_video_shows_its_frames_on_the_way(capsys, monkeypatch):
    monkeypatch.setattr('sys.stderr.isatty', lambda: True, raising=False)
    run_jobs(take_long, [Source('film', 'film.avi')], 1, 'working')
    assert re.search(r'0/1 .*[123] frames, [\d.]+ frames/s', capsys.readouterr().err)


def fill_the_disk(source, threads):
    raise OSError(28, 'No space left on device', 'image_00001.jpg')


def test_a_full_disk_ends_the_run(tmp_path):
    with pytest.raises(DataError, match='No space left on device.*goes on where it stopped'):
        run_jobs(fill_the_disk, [Source('a', 'a.avi'), Source('b', 'b.avi')], 0, 'filling')


def test_other_settings_for_the_same_folder_are_refused(videos, tmp_path, capsys):
    one = videos / 'kick/plain.avi'
    assert (
        main(
            'extract_frames',
            [str(one), str(tmp_path / 'out'), '--workers', '1', '--short-side', '24'],
        )
        == 0
    )
    assert main('extract_frames', [str(one), str(tmp_path / 'out'), '--short-side', '32']) == 1
    assert (
        'was begun with short_side=24, and this is 32: name another folder'
        in capsys.readouterr().err
    )


def test_a_folder_that_something_else_made_is_not_touched(videos, tmp_path):
    theirs = tmp_path / 'out/plain'
    theirs.mkdir(parents=True)
    (theirs / 'precious.jpg').write_bytes(b'theirs')
    done = extract('RGB', find_videos(str(videos / 'kick/plain.avi')), str(tmp_path / 'out'), 0)
    assert 'is there already' in done.failures[0].reason
    assert os.listdir(theirs) == ['precious.jpg']


@pytest.mark.parametrize(
    'words, message',
    [
        (['--shard', '3/2'], 'a shard is I/N with I from 1 to N'),
        (['--workers', '0'], 'whole number from 1'),
        (['--quality', '101'], 'whole number from 1 to 100'),
        (['--fps', '0'], 'a number above 0, at most 1000'),
        (['--fps', '1e5'], 'a number above 0, at most 1000'),
        (['--short-side', '-1'], 'whole number from 0'),
    ],
)
def test_wrong_arguments_are_told_at_once(words, message, capsys):
    with pytest.raises(SystemExit):
        main('extract_frames', ['videos', 'out', *words])
    assert message in capsys.readouterr().err


def test_an_unknown_method_is_told_before_anything_is_made(videos, tmp_path, capsys):
    assert main('extract_flow', [str(videos), str(tmp_path / 'out'), '--method', 'tvl2']) == 1
    assert "no flow method is called 'tvl2'. Did you mean 'tvl1'" in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


# kills, and several at once


@pytest.mark.slow
def test_killed_at_random_moments_and_started_again_it_ends_as_if_undisturbed(videos, tmp_path):
    words = [sys.executable, TOOLS / 'extract_flow.py', videos]
    settings = ['--workers', '2', '--short-side', '200', '--method', 'tvl1']
    subprocess.run([*words, tmp_path / 'undisturbed', *settings], check=True, capture_output=True)
    moments = random.Random(3)
    for _ in range(6):
        process = subprocess.Popen(
            [*words, tmp_path / 'killed', *settings], stderr=subprocess.DEVNULL
        )
        time.sleep(moments.uniform(0.7, 2))
        process.kill()
        process.wait()
    time.sleep(0.5)  # its workers end when they see that it has
    done = subprocess.run([*words, tmp_path / 'killed', *settings], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / 'killed') == tree(tmp_path / 'undisturbed')


@pytest.mark.slow
def test_two_runs_for_one_folder_do_not_get_in_each_others_way(videos, tmp_path):
    both = [
        subprocess.Popen(
            [
                sys.executable,
                TOOLS / 'extract_frames.py',
                videos,
                tmp_path / 'out',
                '--workers',
                '1',
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        process.communicate()
    assert run_tool('extract_frames', videos, tmp_path / 'out').returncode == 0
    extract(
        'RGB',
        find_videos(str(videos)),
        str(tmp_path / 'alone'),
        0,
        short_side=256,
        fps=None,
        quality=95,
    )
    assert tree(tmp_path / 'out') == tree(tmp_path / 'alone')


def test_a_folder_in_the_making_is_locked(tmp_path):
    with atomic_folder(str(tmp_path / 'a')):
        with pytest.raises(FileExistsError, match='being made by another process'):
            with atomic_folder(str(tmp_path / 'a')):
                pass
    with pytest.raises(FileExistsError, match='is there already'):
        with atomic_folder(str(tmp_path / 'a')):
            pass
    assert os.listdir(tmp_path) == ['a']


def test_ctrl_c_ends_at_once_with_130_and_leaves_nothing_half_done(videos, tmp_path):
    process = subprocess.Popen(
        [
            sys.executable,
            TOOLS / 'extract_flow.py',
            videos,
            tmp_path / 'out',
            '--short-side',
            '480',
            '--method',
            'tvl1_opencv',
        ],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list((tmp_path / 'out').glob('*/.*.part')):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=20)[1]
    assert process.returncode == 130 and error.strip().endswith(
        'i3dbox extract_flow: interrupted; the same command goes on'
    )
    assert 'Traceback' not in error and not list((tmp_path / 'out').rglob('*.part'))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path):
    """Frames of 4.6 MB in RGB: if they stayed, the longer video would take 0.9 GB more."""
    frame = cv2.resize(moving_frames(1)[0], (1280, 1200))

    def peak(name, count):
        video = write_video(tmp_path / f'{name}.avi', [frame] * count)
        # in KiB
        program = (
            'import sys; from i3dbox.preparation.extraction import extract; '
            'from i3dbox.preparation.sources import find_videos; '
            'extract("RGB", find_videos(sys.argv[1]), sys.argv[2], 0, short_side=32); '
            'print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])'
        )
        return (
            float(
                subprocess.run(
                    [sys.executable, '-c', program, video, tmp_path / 'out'],
                    check=True,
                    text=True,
                    stdout=subprocess.PIPE,
                    cwd=TOOLS.parents[1],
                ).stdout
            )
            / 1024
        )

    assert peak('long', 220) - peak('short', 20) < 100


# counting and checking


def test_n_frames_is_written_for_frames_and_flow(tmp_path, capsys):
    write_images(tmp_path / 'a/rgb', moving_frames(3))
    write_images(tmp_path / 'a/flow', [np.zeros((8, 8, 2), np.uint8)] * 2, 'image_{1:05d}{0}.jpg')
    (tmp_path / 'a/rgb/n_frames').write_text('99')
    assert main('write_n_frames', [str(tmp_path)]) == 0
    assert [(tmp_path / 'a' / name / 'n_frames').read_text() for name in ('rgb', 'flow')] == [
        '3',
        '2',
    ]
    assert 'n_frames written in 2 of 2 folders' in capsys.readouterr().out


def test_n_frames_is_not_written_where_a_frame_is_missing(tmp_path, capsys):
    write_images(tmp_path / 'whole', moving_frames(3))
    write_images(tmp_path / 'gap', moving_frames(5))
    (tmp_path / 'gap/image_00003.jpg').unlink()
    assert main('write_n_frames', [str(tmp_path)]) == 1
    assert 'image_00003.jpg: this frame is missing' in capsys.readouterr().err
    assert (tmp_path / 'whole/n_frames').exists() and not (tmp_path / 'gap/n_frames').exists()


def test_mmactions_names_are_counted_by_their_template(tmp_path):
    write_images(tmp_path / 'a', moving_frames(4), 'img_{:05}.jpg')
    assert (
        main(
            'write_n_frames',
            [str(tmp_path), '--filename-tmpl', 'img_{:05}.jpg', '--modality', 'RGB'],
        )
        == 0
    )
    assert (tmp_path / 'a/n_frames').read_text() == '4'
    assert main('write_n_frames', [str(tmp_path), '--filename-tmpl', 'img_{:05}.jpg']) == 1


def test_videos_are_checked_to_their_ends(videos, tmp_path, capsys):
    whole = (videos / 'kick/plain.avi').read_bytes()
    (videos / 'kick/plain.avi').write_bytes(whole[: len(whole) // 2])
    (videos / 'kick/other.avi').write_bytes(b'')
    (videos / 'noise.avi').write_bytes(os.urandom(2000))
    long = write_video(videos / 'counted.avi', moving_frames(60))
    data = long.read_bytes()
    for field in (b'avih', b'strh'):  # the header's count of frames, one too many
        at = data.index(field) + (8 + 16 if field == b'avih' else 8 + 32)
        data = data[:at] + (61).to_bytes(4, 'little') + data[at + 4 :]
    long.write_bytes(data)
    write_mjpeg(videos / 'sizes.avi', moving_frames(3) + moving_frames(2, 32, 16))
    assert (
        main(
            'check_videos', [str(videos), '--fix-list', str(tmp_path / 'fix.txt'), '--workers', '2']
        )
        == 1
    )
    kinds = dict(line.split('\t') for line in (tmp_path / 'fix.txt').read_text().splitlines())
    kinds = {os.path.basename(path): problem for path, problem in kinds.items()}
    assert kinds['other.avi'] == 'empty: the file is empty'
    assert kinds['noise.avi'].startswith('unreadable: ')
    assert kinds['plain.avi'].startswith(('truncated: ', 'unreadable: '))
    assert kinds['counted.avi'] == 'frame count: 60 frames; its header says 61'
    assert kinds['sizes.avi'] == 'size: frames change their size: 3 of 64 x 48, 2 of 32 x 16'
    assert len(kinds) == 5 and '| sound       | 4 |' in capsys.readouterr().out


def test_sound_videos_end_in_status_0(videos, capsys):
    assert main('check_videos', [str(videos)]) == 0


# what a stranger met


def test_names_that_would_collide_are_refused(tmp_path):
    for names in (('a.avi', 'a.mp4', 'a.avi.mkv'), ('kick.mp4', 'kick/a.mp4')):
        root = tmp_path / names[-1].replace('/', '_')
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b'')
        with pytest.raises(DataError, match='rename one'):
            find_videos(str(root))


def test_flow_does_not_go_where_its_frames_are(tmp_path, capsys):
    write_images(tmp_path / 'frames/a', moving_frames(3))
    assert main('write_n_frames', [str(tmp_path / 'frames')]) == 0
    assert (
        main(
            'extract_flow', [str(tmp_path / 'frames'), str(tmp_path / 'frames'), '--method', 'dis']
        )
        == 1
    )
    assert 'name another folder for what is made' in capsys.readouterr().err


def test_frames_that_change_their_size_are_no_flow(tmp_path):
    write_images(tmp_path / 'frames/a', [*moving_frames(2), *moving_frames(1, 80, 64)])
    done = extract(
        'Flow',
        find_sources(str(tmp_path / 'frames')),
        str(tmp_path / 'out'),
        0,
        method='tvl1',
        short_side=0,
    )
    assert done.failures[0].reason == 'the size changes: frame 3 is 80 x 64, others are 64 x 48'


def test_the_missing_image_is_named(tmp_path):
    write_images(tmp_path / 'frames/a', moving_frames(4))
    (tmp_path / 'frames/a/n_frames').write_text('4')
    (tmp_path / 'frames/a/image_00002.jpg').unlink()
    done = extract(
        'Flow', find_sources(str(tmp_path / 'frames')), str(tmp_path / 'out'), 0, method='dis'
    )
    assert done.failures[0].reason.endswith('image_00002.jpg: this frame is missing')


def test_a_link_to_itself_and_a_pipe_stop_nothing_else(videos, tmp_path):
    (videos / 'loop').symlink_to('loop')
    os.mkfifo(videos / 'pipe.avi')
    done = extract('RGB', find_videos(str(videos)), str(tmp_path / 'out'), 0, short_side=32)
    assert done.made == 6 and [failure.reason.split(';')[0] for failure in done.failures] == [
        'this is a pipe'
    ]


@pytest.mark.slow
def test_many_who_want_one_folder_have_it_one_at_a_time(tmp_path):
    program = (
        'import os, sys, time\nfrom i3dbox.fileio import scratch_folder\nend = time.time() + 2\n'
        'while time.time() < end:\n'
        '    try:\n        with scratch_folder(sys.argv[1]) as folder:\n'
        '            assert not os.listdir(folder)\n'
        '            open(f"{folder}/{os.getpid()}", "w").close()\n'
        '            assert os.listdir(folder) == [str(os.getpid())]\n'
        '    except FileExistsError:\n        pass\n'
    )
    several = [
        subprocess.Popen(
            [sys.executable, '-c', program, tmp_path / 'a'],
            stderr=subprocess.PIPE,
            text=True,
            cwd=TOOLS.parents[1],
        )
        for _ in range(3)
    ]
    assert [process.communicate()[1] for process in several] == [''] * 3


# Lists, and what a scan leaves out
# ----------------------------------------------------------------------------------------


def test_a_list_names_videos_from_its_folder_or_the_working_directory(tmp_path, monkeypatch):
    for name in ('in/a b.avi', 'in/deep/c.mp4', 'here/d.avi'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    monkeypatch.chdir(tmp_path)
    listed = tmp_path / 'in/list.txt'
    listed.write_text(f'# mine\na b.avi\ndeep/c.mp4 3\n\nhere/d.avi\n{tmp_path}/here/d.avi 7\n')
    (tmp_path / 'twice.txt').write_text('here/d.avi\n./here/d.avi\n')
    with pytest.raises(DataError, match='would both become here/d: rename one'):
        find_videos(str(tmp_path / 'twice.txt'))
    (tmp_path / 'here/d.mkv').write_bytes(b'')
    (tmp_path / 'alike.txt').write_text('here/d.avi\nhere/d.mkv\n')
    assert [one.name for one in find_videos('alike.txt')] == ['here/d.avi', 'here/d.mkv']
    found = find_videos(str(listed))
    assert [source.name for source in found[:3]] == ['a b', 'deep/c', 'here/d']
    assert all(pathlib.Path(source.path).is_file() for source in found) and len(found) == 4
    listed.write_text('a b.avi\nabsent.avi 3\n')
    with pytest.raises(DataError, match=r"list.txt:2: there is no file 'absent.avi 3'"):
        find_videos(str(listed))
    listed.write_text('\n# nothing\n')
    with pytest.raises(DataError, match='names no videos; a path a line'):
        find_videos(str(listed))


def test_files_that_look_like_videos_and_are_left_out_are_counted(tmp_path, caplog):
    for name in ('a.avi', 'b.VOB', 'c.mng', 'd.webp', 'e.mng', 'notes.txt', 'f.jpg'):
        (tmp_path / name).write_bytes(b'')
    assert [source.name for source in find_videos(str(tmp_path))] == ['a', 'b']
    assert caplog.messages == [f'{tmp_path}: files that are not looked at: 2 .mng, 1 .webp']
