"""tools/demo.py says what happens in any video, writes it down, and keeps what is done when it is
stopped.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import psutil
import pytest
from test_recognize import made
from test_training import TOOLS
from videos import moving_frames, write_video

from i3dbox.apis import inference_recognizer, init_recognizer
from i3dbox.commands import main
from i3dbox.inference.clip_pipelines import authors_pipeline
from i3dbox.inference.prediction_files import CSVPredictions, JSONPredictions
from i3dbox.inference.recognize import ClassScore, Total, recognize_windows
from i3dbox.inference.recognizer import VideoRecognizer
from i3dbox.media.frame_iterator import FrameIterator
from i3dbox.visualization.labelled_video import (
    LabelledVideo,
    Palette,
    Timeline,
    VideoWriter,
    clock,
    draw,
    picture_size,
)


@pytest.fixture(scope='module')
def network(tmp_path_factory):
    """A config of both streams and its checkpoints, as arguments of the command."""
    cfg, checkpoints = made(tmp_path_factory.mktemp('network'))
    return ['--config', cfg.filename, '--rgb', checkpoints['rgb'], '--flow', checkpoints['flow']]


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return str(write_video(tmp_path_factory.mktemp('video') / 'walk.avi', moving_frames(30)))


def frames_in(path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        done, frame = capture.read()
        if not done:
            return frames
        frames.append(frame)


@pytest.mark.slow
@pytest.mark.smoke
def test_a_video_is_recognised_and_written_in_every_form(network, video, tmp_path, capsys):
    outs = [str(tmp_path / f'out{extension}') for extension in ('.mp4', '.json', '.csv')]
    assert main('demo', [video, *network, '--top', '2', '--stride', '5', '--out', *outs]) == 0
    said = capsys.readouterr().out
    expected = inference_recognizer(
        init_recognizer(network[1], dict(rgb=network[3], flow=network[5])), video, 8, 5
    )
    best = expected.top(2)
    assert 'the whole video: 1.2 s, mean over 6 windows' in said
    assert f'{best[0].probability:6.1%}  {best[0].name}' in said
    assert f'0:00.2 - 0:00.5  {expected.windows[1].top()[0].name}' in said
    found = json.loads(open(outs[1]).read())
    expected_info = dict(complete=True, window=8, stride=5, stream='joint', fps=25)
    assert {key: found[key] for key in expected_info} == expected_info
    assert [w['first'] for w in found['windows']] == [0, 5, 10, 15, 20, 22]
    assert [w['last'] for w in found['windows']] == [8, 13, 18, 23, 28, 30]
    assert [(w['start'], w['end']) for w in found['windows'][:2]] == [(0, 0.32), (0.2, 0.52)]
    for values, answer in zip([*found['windows'], found['video']], [*expected.windows, expected]):
        assert [top['name'] for top in values['top']] == [top.name for top in answer.top(2)]
        assert [top['probability'] for top in values['top']] == pytest.approx(
            [t.probability for t in answer.top(2)]
        )
    rows = list(csv.DictReader(open(outs[2], newline='')))
    assert len(rows) == 14 and [row['part'] for row in rows[-3:]] == ['window', 'video', 'video']
    assert rows[-2]['class'] == best[0].name
    assert [(row['first'], row['last'], row['start']) for row in rows[2:4]] == [
        ('5', '13', '0.200')
    ] * 2
    assert float(rows[-2]['probability']) == pytest.approx(best[0].probability, abs=1e-6)
    written = frames_in(outs[0])
    width, height = picture_size(48, 64)
    assert (
        len(written) == 30
        and written[0].shape[1] == width + 4 + height
        and written[0].shape[0] > height
    )
    assert cv2.VideoCapture(outs[0]).get(cv2.CAP_PROP_FPS) == 25
    assert sorted(os.listdir(tmp_path)) == ['out.csv', 'out.json', 'out.mp4']


@pytest.mark.slow
def test_a_folder_goes_on_over_what_cannot_be_read(network, tmp_path, capsys):
    (tmp_path / 'in' / 'deep').mkdir(parents=True)
    write_video(tmp_path / 'in' / 'a.avi', moving_frames(10))
    (tmp_path / 'in' / 'b.mp4').write_bytes(b'no video')
    write_video(tmp_path / 'in' / 'c.avi', moving_frames(1))
    write_video(tmp_path / 'in' / 'deep' / 'd.avi', moving_frames(10))
    status = main('demo', [str(tmp_path / 'in'), *network, '--out', str(tmp_path / 'out.json')])
    said = capsys.readouterr()
    assert status == 1 and '2 of 4 videos recognised' in said.out
    assert 'b.mp4: this is no video that FFmpeg can read' in said.err
    assert 'c.avi: a single frame has no flow' in said.err
    assert sorted(
        str(path.relative_to(tmp_path / 'out')) for path in (tmp_path / 'out').rglob('*.*')
    ) == ['a.json', 'deep/d.json']
    rows = json.loads((tmp_path / 'out.json').read_text())['videos']
    assert [row['name'] for row in rows] == ['a', 'b', 'c', 'deep/d']
    assert [row['error'] is None for row in rows] == [True, False, False, True]
    best = json.loads((tmp_path / 'out/deep/d.json').read_text())['video']['top'][0]
    assert (rows[3]['label'], rows[3]['class']) == (best['label'], best['name'])


@pytest.mark.parametrize('out', ['in.mp4', 'in/seen.json'])
def test_the_videos_of_a_folder_are_not_overwritten(network, tmp_path, capsys, out):
    (tmp_path / 'in').mkdir()
    path = write_video(tmp_path / 'in' / 'a.avi', moving_frames(10))
    before = path.read_bytes()
    assert main('demo', [str(tmp_path / 'in'), *network, '--out', str(tmp_path / out)]) == 1
    assert 'whose videos would be overwritten: name another' in capsys.readouterr().err
    assert path.read_bytes() == before and os.listdir(tmp_path / 'in') == ['a.avi']


@pytest.mark.slow
def test_a_video_that_breaks_off_is_not_called_complete(network, tmp_path, capsys):
    path = write_video(tmp_path / 'a.avi', moving_frames(60))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert main('demo', [str(path), *network, '--out', str(tmp_path / 'a.json')]) == 0
    said = capsys.readouterr().err
    answers = json.loads((tmp_path / 'a.json').read_text())
    assert answers['complete'] is ('ends after' not in said)


class Interrupted(LabelledVideo):
    """Ctrl-C comes while it writes its third window."""

    def add(self, window, answer):
        if window.first == 8:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
        super().add(window, answer)


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(network, video, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('i3dbox.inference.answer_files.LabelledVideo', Interrupted)
    outs = [str(tmp_path / f'out{extension}') for extension in ('.mp4', '.json', '.csv')]
    assert main('demo', [video, *network, '--stride', '4', '--out', *outs]) == 130
    found = json.loads(open(outs[1]).read())
    assert not found['complete'] and found['video']['windows'] == len(found['windows']) == 3
    assert list(csv.DictReader(open(outs[2], newline='')))[-1]['part'] == 'so far'
    assert len(frames_in(outs[0])) == 16
    assert 'until the interruption' in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_on_the_command_ends_it_with_130_and_whole_files(network, tmp_path):
    path = write_video(tmp_path / 'long.avi', moving_frames(2000))
    words = [
        str(path),
        *network,
        '--stride',
        '2',
        '--out',
        str(tmp_path / 'out.json'),
        str(tmp_path / 'out.mp4'),
    ]
    process = subprocess.Popen(
        [sys.executable, str(TOOLS / 'demo.py'), *words], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith('0:01'):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(60) == 130 and 'until the interruption' in rest
    found = json.loads((tmp_path / 'out.json').read_text())
    assert found['complete'] is False and 1 <= found['video']['last'] / 25 < 79
    assert len(frames_in(tmp_path / 'out.mp4')) == found['video']['last']
    assert sorted(path.name for path in tmp_path.iterdir()) == ['long.avi', 'out.json', 'out.mp4']


@pytest.mark.parametrize(
    'words, message',
    [
        ([], 'name a model of the zoo'),
        (
            ['--model', 'i3d_rgb_kinetics400', '--config', 'i3d_rgb_ucf101'],
            'its own checkpoint and config',
        ),
        (['--config', 'i3d_rgb_ucf101'], 'a config goes with a checkpoint'),
        (['--model', 'i3d_rgb_kinetics400', '--checkpoint', 'b'], 'its own checkpoint and config'),
        (['--config', 'i3d_rgb_ucf101', '--checkpoint', 'a', '--rgb', 'b'], 'not both'),
        (
            ['--model', 'i3d_rgb_kinetics400', '--cfg-options', 'a=1'],
            '--cfg-options change a config',
        ),
        (
            ['--model', 'i3d_rgb', '--out', 'a.gif'],
            r'--out files end in .mp4, .json, .csv; got a.gif',
        ),
        (['--model', 'i3d_rgb', '--out', 'a.csv', 'a.csv'], 'names a file twice'),
        (['--model', 'i3d_rgb', '--out', '{video}'], r'is the video itself'),
        (
            ['--model', 'i3d_rgb', '--method', 'tv-l1'],
            "no flow method is called 'tv-l1'. Did you mean 'tvl1'",
        ),
        (['--model', 'i3d_rgb'], "the model zoo has no 'i3d_rgb'"),
        (
            ['--model', 'best.onx'],
            'best.onx: there is no such file. Files that run by themselves end in .onnx or .mindir',
        ),
    ],
)
def test_wrong_arguments_are_told_in_one_line(tmp_path, words, message, capsys):
    path = str(write_video(tmp_path / 'a.mp4', moving_frames(3), 'mp4v'))
    assert main('demo', [path, *(word.format(video=path) for word in words)]) == 1
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1


# What a video's length costs


class StandIn(VideoRecognizer):
    """Scores nothing, at once."""

    def score(self, clips, any_length=False):
        return dict(joint=np.array([clips['rgb'].mean(), clips['flow'].mean()], np.float32))


def stand_in():
    pipeline = authors_pipeline(64, 64, 'farneback', clip_len=16)
    recognizer = StandIn('stand-in', 'joint', ['bright', 'fast'], 2, dict(imgs=pipeline))
    recognizer.weights, recognizer.average = dict(joint=1.0), dict(joint='score')
    return recognizer


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(tmp_path):
    pieces, process, seen = moving_frames(50, 160, 120), psutil.Process(), {}

    def endless():
        for number in range(800):
            if number % 100 == 0:
                seen[number] = process.memory_info().rss
            yield pieces[number % 50]

    recognizer, frames = stand_in(), FrameIterator(endless())
    video, total = LabelledVideo(str(tmp_path / 'a.mp4'), 25, stride=8), Total(recognizer)
    answers = [
        JSONPredictions(str(tmp_path / 'a.json'), {}),
        CSVPredictions(str(tmp_path / 'a.csv'), {}),
    ]
    for window, answer in recognize_windows(recognizer, frames, stride=8, watch=video.watch):
        total.add(answer)
        video.add(window, answer)
        for file in answers:
            file.add(answer)
        assert len(video._held) < 80
    video.close()
    assert total.answer.last == 800
    grown = seen[700] - seen[300]
    assert grown < 10e6, f'{grown / 1e6:.0f} MB more after 400 frames'


# Odd input


@pytest.mark.slow
@pytest.mark.parametrize('size', [(8, 8), (3840, 2160), (600, 16)])
def test_frames_of_any_size_are_recognised_and_drawn(network, tmp_path, size):
    path = write_video(tmp_path / 'a.avi', moving_frames(10, *size))
    assert main('demo', [str(path), *network, '--out', str(tmp_path / 'out.mp4')]) == 0
    written = frames_in(tmp_path / 'out.mp4')
    assert len(written) == 10 and max(written[0].shape[:2]) < 1500


def test_a_single_frame_is_recognised_by_rgb(network, tmp_path, capsys):
    path = write_video(tmp_path / 'a.avi', moving_frames(1))
    assert main('demo', [str(path), *network[:4], '--stream', 'rgb']) == 0
    assert 'mean over 1 window\n' in capsys.readouterr().out


def no_codec(path):
    write_video(path, moving_frames(3))
    path.write_bytes(path.read_bytes().replace(b'MJPG', b'ZZZZ'))


def sound(path):
    import wave

    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, 8000, 0, 'NONE', ''))
        file.writeframes(bytes(8000))


@pytest.mark.parametrize('make', [no_codec, sound, lambda path: write_video(path, [])])
def test_what_has_no_frames_is_told_in_one_line(network, tmp_path, make, capfd):
    make(tmp_path / 'odd.avi')
    assert main('demo', [str(tmp_path / 'odd.avi'), *network]) == 1
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and 'odd.avi: ' in said[0]


def test_there_is_no_such_camera(network, capfd):
    assert main('demo', ['97', *network]) == 1
    assert 'camera 97: there is no such camera, or it is in use' in capfd.readouterr().err


# Pictures


def test_each_frame_of_a_varying_rate_is_shown_at_its_time(tmp_path):
    recognizer, times = stand_in(), [0, 0.04, 0.08, 0.5, 0.51, 0.52, 1.0]
    frames = FrameIterator(iter(()))
    frames._frames = zip(times, moving_frames(7))
    frames.read = 7
    video = LabelledVideo(str(tmp_path / 'a.mp4'), 25, stride=16)
    for window, answer in recognize_windows(recognizer, frames, stride=16, watch=video.watch):
        video.add(window, answer)
    video.close()
    np.testing.assert_allclose(
        [time for time, _ in FrameIterator(str(tmp_path / 'a.mp4'))], times, atol=1e-3
    )


def test_a_video_that_is_given_up_is_closed_and_not_ended(tmp_path):
    picture = np.zeros((32, 32, 3), np.uint8)
    opened = psutil.Process().num_fds()
    whole, given_up = (VideoWriter(str(tmp_path / name), 32, 32) for name in 'ab')
    for writer in (whole, given_up):
        writer.write(0.0, picture)
    whole.close()
    given_up.discard()
    for writer in (whole, given_up):
        writer.discard()
        writer.close()
    assert psutil.Process().num_fds() == opened
    assert len(frames_in(tmp_path / 'a')) == 1


def test_the_timeline_stretches_when_a_video_outlasts_it():
    timeline, strip = Timeline(10), np.zeros((1, 100, 3), np.uint8)
    for number in range(40):
        timeline.add(number / 2, ((200, 0, 0), (0, 0, 200))[number // 20])
    timeline.draw(strip)
    colors = [tuple(color) for color in strip[0]]
    assert timeline.seconds == 20 and len(set(colors[:46])) == 1 and len(set(colors[52:96])) == 1
    assert colors[0] != colors[60] and tuple(strip[0, -1]) not in (colors[0], colors[60])


def test_classes_have_colours_in_the_order_in_which_they_appear_and_no_two_are_alike():
    palette = Palette()
    colors = np.array([palette.color_of(label) for label in (7, 300, 7, *range(1000, 1050))])
    assert (colors[0] == colors[2]).all() and (palette.color_of(300) == colors[1]).all()
    others = np.delete(colors, 2, 0).astype(int)
    apart = np.abs(others[:, None] - others[None]).max(-1) + 999 * np.eye(len(others), dtype=int)
    assert apart.min() > 4 and apart[:6, :6].min() > 60


@pytest.mark.parametrize('size', [(8, 8), (48, 64), (1080, 1920), (1920, 1080), (16, 600)])
@pytest.mark.parametrize('flow', [None, np.zeros((16, 16, 3), np.uint8)])
def test_pictures_are_even_and_have_room_for_long_names(size, flow):
    width, height = picture_size(*size)
    name = 'a very long name of a class, longer than its room '
    rows = [(ClassScore(i, name * (i % 2) + 'end', 1 - i / 5), (9, 9, 9)) for i in range(5)]
    pictures = [
        draw(
            np.zeros((height, width, 3), np.uint8),
            rows[:number],
            Timeline(9),
            4,
            flow,
            3.0 if flow is not None else None,
            5,
        )
        for number in (5, 2)
    ]
    picture, shorter = pictures
    assert picture.shape == shorter.shape  # a video has one size, whatever a window's classes
    assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0 and max(picture.shape) < 1500
    assert clock(2.56) == '0:02.6' and clock(3723.4) == '1:02:03' and clock(59.96) == '1:00.0'


@pytest.mark.parametrize(
    'command, words, message',
    [
        ('demo', ['99'], 'camera 99: there is no such camera'),
        ('demo', ['http://127.0.0.1:9/x'], 'cannot be opened: Connection refused'),
        ('demo', ['VIDEO', '--window', '3'], 'takes clips of at least 8 frames'),
        ('extract_features', ['VIDEO', 'OUT', '--endpoint', 'Mixed_9'], "no endpoint 'Mixed_9'"),
        ('extract_features', ['VIDEO', 'OUT', '--window', '3'], 'takes clips of at least 8 frames'),
        ('gradcam', ['VIDEO', '--out', 'a.mp4', '--class', 'flying'], "no class 'flying'"),
    ],
)
def test_what_cannot_be_is_told_before_weights_are_looked_for(
    video, tmp_path, monkeypatch, capsys, command, words, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr('requests.Session.request', lambda *args, **options: pytest.fail('asked'))
    words = [dict(VIDEO=video, OUT=str(tmp_path / 'out')).get(word, word) for word in words]
    assert main(command, [*words, '--model', 'i3d_rgb_kinetics400']) == 1
    assert message in capsys.readouterr().err and not (tmp_path / 'cache').exists()
