"""A notebook's three lines: a network out of the zoo, a config or an exported file says what is in
a video.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
import tiny
from i3d_weights import plausible, write_i3d_checkpoint
from videos import moving_frames, write_video

from i3dbox.apis import VideoStream, inference_recognizer, init_recognizer
from i3dbox.apis.test import test as run_test
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.errors import CheckpointError, ConfigError, DamagedSampleError, I3DBoxError
from i3dbox.inference.clip_pipelines import authors_pipeline
from i3dbox.inference.model_spec import zoo_names
from i3dbox.inference.recognize import recognize_windows
from i3dbox.media.frame_iterator import FrameIterator
from i3dbox.models import build_recognizer
from i3dbox.registry import PIPELINES
from i3dbox.weights.checkpoint import load_checkpoint
from i3dbox.weights.checkpoint_file import write_checkpoint
from i3dbox.workers import ahead

SIZE, WINDOW = 16, 8
BACKBONES = dict(tiny=dict(type='TinyBackbone'), i3d=dict(type='InceptionI3D'))


def pipeline(size, mode='centre', clip_len=WINDOW):
    return [
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=clip_len, mode=mode),
        dict(type='DecodeClip'),
        dict(type='Resize', short_side=size + 8),
        dict(type='ComputeFlow', method='farneback'),
        dict(type='CenterCrop', size=size),
        dict(type='PackClips'),
    ]


def tiny_model(kind, backbone='tiny', **changes):
    streams = {
        name: dict(
            type='Recognizer3D',
            modality=modality,
            backbone=BACKBONES[backbone],
            head=dict(type='I3DHead', num_classes=3),
            **changes,
        )
        for name, modality in (('rgb', 'RGB'), ('flow', 'Flow'))
    }
    return (
        dict(type='TwoStreamRecognizer', weights=(1, 0.5), **streams)
        if kind == 'joint'
        else streams[kind]
    )


def made(
    folder,
    kind='joint',
    videos=(),
    size=SIZE,
    mode='centre',
    backbone='tiny',
    steps=None,
    **changes,
):
    """(Config, checkpoint) of a network with made-up weights, and a list of videos as its test
    set.
    """
    folder.mkdir(exist_ok=True)
    (folder / 'list.txt').write_text(
        ''.join(f'{str(video)[1:]} {i % 3}\n' for i, video in enumerate(videos))
    )
    part = dict(
        type='VideoDataset',
        ann_file=str(folder / 'list.txt'),
        data_prefix='/',
        pipeline=steps or pipeline(size, mode),
    )
    data = (
        dict(type='TwoStreamDataset', rgb=part, flow=dict(part))
        if kind == 'joint'
        else dict(part, modality={'rgb': 'RGB', 'flow': 'Flow'}[kind])
    )
    cfg = Config.fromfile(
        tiny.write_config(
            folder, model=tiny_model(kind, backbone, **changes), data=dict(batch_size=1, test=data)
        )
    )
    checkpoints = {}
    for name, modality in (('rgb', 'RGB'), ('flow', 'Flow')):
        path = checkpoints[name] = str(folder / f'{name}.ckpt')
        if backbone == 'i3d':
            write_i3d_checkpoint(path, modality, 3, classes=tiny.TinyDataset.classes)
        else:
            network = build_recognizer(tiny_model(name))
            shapes = {
                p.name: tuple(p.shape)
                for p in network.get_parameters()
                if not p.name.endswith('dropout.step')
            }
            write_checkpoint(
                path,
                plausible(shapes),
                meta=dict(modality=modality, classes=tiny.TinyDataset.classes),
            )
    return cfg, checkpoints if kind == 'joint' else checkpoints[kind]


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return str(write_video(tmp_path_factory.mktemp('video') / 'a.avi', moving_frames(21)))


@pytest.fixture(scope='module')
def joint(tmp_path_factory, video):
    return init_recognizer(*made(tmp_path_factory.mktemp('joint'), videos=[video]))


def frames_of(video):
    return np.stack([frame for _, frame in FrameIterator(video)])


@pytest.mark.slow
def test_three_lines_say_what_is_in_a_video(joint, video):
    answer = joint(video)
    np.testing.assert_array_equal(answer.scores, inference_recognizer(joint, video).scores)
    assert (joint.stream, joint.classes) == ('joint', ['dark', 'middle', 'bright'])
    assert [p.name for p in answer.top(2)] == [
        answer.classes[i] for i in np.argsort(-answer.scores)[:2]
    ]
    assert sum(p.probability for p in answer.top()) == pytest.approx(1)
    assert (answer.first, answer.last, answer.start, answer.end) == (
        0,
        21,
        0,
        pytest.approx(21 / 25),
    )
    np.testing.assert_allclose(
        answer.scores, answer.by_stream['rgb'] + 0.5 * answer.by_stream['flow'], rtol=1e-6
    )


def test_importing_the_apis_stays_light():
    code = (
        'import sys, i3dbox.apis; from i3dbox.apis import load_exported; '
        'assert "init_recognizer" in i3dbox.apis.__all__; assert "mindspore" not in sys.modules'
    )
    assert subprocess.run([sys.executable, '-c', code], timeout=60).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize('kind, average', [('rgb', 'score'), ('flow', 'prob'), ('joint', 'score')])
def test_a_whole_video_scores_as_the_testing_of_whole_videos_does(tmp_path, kind, average):
    videos = [
        write_video(tmp_path / f'v{count}.avi', moving_frames(count))
        for count in (5, 8, 9, 16, 17, 21)
    ]
    cfg, checkpoint = made(tmp_path / kind, kind, videos, mode='whole', average_clips=average)
    expected = run_test(cfg, checkpoint).scores
    recognizer = init_recognizer(cfg, checkpoint)
    found = [inference_recognizer(recognizer, str(path)).scores for path in videos]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['rgb', 'flow', 'joint'])
def test_a_windows_scores_are_those_of_testing_on_the_same_frames(tmp_path, video, kind):
    cfg, checkpoint = made(tmp_path, kind, [video])
    expected = run_test(cfg, checkpoint).scores[0]
    first = 6  # (21 - 8) // 2; of 20 flow images (20 - 8) // 2
    answers = [
        answer
        for _, answer in recognize_windows(
            init_recognizer(cfg, checkpoint), FrameIterator(video), 8, 1
        )
    ]
    assert answers[first].first == first
    np.testing.assert_allclose(answers[first].scores, expected, atol=1e-5)


@pytest.mark.slow
def test_real_i3d_scores_windows_as_testing_does(tmp_path, video):
    cfg, checkpoint = made(tmp_path, 'rgb', [video], size=32, backbone='i3d')
    expected = run_test(cfg, checkpoint).scores[0]
    answers = inference_recognizer(
        init_recognizer(cfg, checkpoint), video, window=8, stride=3
    ).windows
    np.testing.assert_allclose(answers[2].scores, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_windows_overlapped_with_reading_are_those_one_after_the_other(joint, video):
    both = [
        [
            (answer.first, answer.last, answer.scores.tobytes())
            for _, answer in recognize_windows(joint, FrameIterator(video), 8, 5, overlap=overlap)
        ]
        for overlap in (True, False)
    ]
    assert both[0] == both[1] and [first for first, _, _ in both[0]] == [0, 5, 10, 13]


def test_what_is_pushed_is_recognised_as_what_is_read(joint, video):
    expected = inference_recognizer(joint, video, window=8, stride=4)
    stream, answers = VideoStream(joint, 8, 4, rate=25), []
    for frame in frames_of(video):
        answers += stream.push(frame)
    assert stream.answer.last == 20
    answers += stream.finish()
    assert [(a.first, a.last, a.start) for a in answers] == [
        (a.first, a.last, pytest.approx(a.start)) for a in expected.windows
    ]
    np.testing.assert_array_equal(stream.answer.scores, expected.scores)
    np.testing.assert_allclose(
        expected.scores, np.mean([a.scores for a in answers], axis=0), rtol=1e-5
    )


@pytest.mark.parametrize(
    'frame, message',
    [
        (np.zeros((32, 32, 3), np.float32), 'frame 1 is float32 32 x 32 x 3'),
        (np.zeros((32, 32), np.uint8), 'frame 1 is uint8 32 x 32'),
        (np.zeros((32, 48, 3), np.uint8), 'frame 1 is 48 x 32, those before are 32 x 32'),
    ],
)
def test_a_frame_that_does_not_go_on_is_told_when_it_is_pushed(joint, frame, message):
    stream = VideoStream(joint, 8)
    stream.push(np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(ConfigError, match=message):
        stream.push(frame)


@pytest.mark.parametrize('windows', [dict(stride=0), dict(window=10**5)])
def test_windows_of_no_length_or_of_hours_are_refused(joint, windows):
    with pytest.raises(ConfigError, match='(stride|window) is a'):
        VideoStream(joint, **windows)


def test_the_mean_of_softmaxes_is_taken_where_the_network_asks_for_it(tmp_path, video):
    recognizer = init_recognizer(*made(tmp_path, 'rgb', average_clips='prob'))
    answer = inference_recognizer(recognizer, video, 8, 8)
    expected = np.mean([a.probabilities for a in answer.windows], axis=0)
    np.testing.assert_allclose(answer.probabilities, expected, rtol=1e-5)


def test_arrays_and_lists_are_taken_too(joint, video):
    expected, array = inference_recognizer(joint, video).scores, frames_of(video)
    np.testing.assert_array_equal(inference_recognizer(joint, array).scores, expected)
    np.testing.assert_array_equal(inference_recognizer(joint, list(array)).scores, expected)
    answers = inference_recognizer(joint, [video, array])
    assert [answer.name for answer in answers] == ['a', 'frames']
    np.testing.assert_array_equal([answer.scores for answer in answers], [expected, expected])
    assert inference_recognizer(joint, []) == []


@pytest.mark.slow
def test_one_stream_of_two_can_be_asked_for(tmp_path, joint, video):
    cfg, checkpoints = made(tmp_path)
    for stream in ('rgb', 'flow'):
        recognizer = init_recognizer(cfg, {stream: checkpoints[stream]}, stream=stream)
        np.testing.assert_array_equal(
            inference_recognizer(recognizer, video).scores,
            inference_recognizer(joint, video).by_stream[stream],
        )


def test_a_name_of_the_zoo_stands_for_its_streams():
    assert zoo_names('i3d_rgb_kinetics400') == dict(rgb='i3d_rgb_kinetics400')
    assert zoo_names('zoo://i3d_kinetics400') == dict(
        rgb='i3d_rgb_kinetics400', flow='i3d_flow_kinetics400'
    )
    assert zoo_names('i3d_rgb_charades_piergiaj', 'joint')['flow'] == 'i3d_flow_charades_piergiaj'
    with pytest.raises(
        CheckpointError,
        match="no 'i3d_flow_kinetics600_scratch'. Of that pair there is "
        "'i3d_rgb_kinetics600_scratch' "
        "alone. Did you mean 'i3d_flow_kinetics400_",
    ):
        zoo_names('i3d_kinetics600_scratch')


@pytest.mark.slow
def test_the_zoo_gives_the_network_its_classes_and_the_authors_geometry(tmp_path, monkeypatch):
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path))
    names = [f'action {i}' for i in range(400)]
    for name, modality in (('i3d_rgb_kinetics400', 'RGB'), ('i3d_flow_kinetics400', 'Flow')):
        write_i3d_checkpoint(tmp_path / f'{name}.ckpt', modality, 400, classes=names)
    recognizer = init_recognizer('i3d_kinetics400')
    assert (recognizer.stream, recognizer.classes, recognizer.window) == ('joint', names, 64)
    assert recognizer.pipelines == dict(imgs=authors_pipeline())
    assert init_recognizer('zoo://i3d_flow_kinetics400').stream == 'flow'


def test_classes_come_from_the_data_set_where_the_checkpoint_has_none(tmp_path, video):
    cfg, checkpoint = made(tmp_path, 'rgb', [video])
    write_checkpoint(checkpoint, load_checkpoint(checkpoint)[0])
    assert init_recognizer(cfg, checkpoint).classes == ['class 0', 'class 1', 'class 2']
    cfg.data.test = dict(type='TinyDataset')
    assert init_recognizer(cfg, checkpoint).classes == tiny.TinyDataset.classes


def test_an_exported_file_recognises_as_its_network_does(tmp_path, joint, video):
    for package in ('onnx', 'onnxruntime'):
        pytest.importorskip(package)
    from i3dbox.apis.export import export

    cfg, checkpoints = made(tmp_path)
    path = export(cfg, checkpoints, 'ONNX', str(tmp_path / 'both.onnx')).path
    recognizer = init_recognizer(path, backend='onnxruntime')
    assert (recognizer.stream, recognizer.classes, recognizer.window) == ('joint', joint.classes, 8)
    assert (recognizer.interval, recognizer.bound) == (joint.interval, joint.bound) == (1, 20)
    found, expected = (inference_recognizer(one, video, 8, 4) for one in (recognizer, joint))
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4, atol=1e-5)
    assert len(inference_recognizer(recognizer, video).windows) == 5  # its windows are built in
    with pytest.raises(ConfigError, match='windows of 8 frames, which are built in; got 9'):
        inference_recognizer(recognizer, video, window=9)
    with pytest.raises(ConfigError, match="is of joint, in one piece; it has no stream 'rgb'"):
        init_recognizer(path, stream='rgb')


@pytest.mark.parametrize(
    'model, checkpoint, options, message',
    [
        (
            'i3d_rgb_kinetics40',
            None,
            {},
            "no 'i3d_rgb_kinetics40'. Did you mean 'i3d_rgb_kinetics400'",
        ),
        ('i3d_rgb_kinetics400', 'a.ckpt', {}, 'has its own checkpoint'),
        ('a.py', 'b.ckpt', {}, 'a.py'),
        ('i3d_kinetics400', None, dict(stream='audio'), 'stream is one of rgb, flow, joint'),
        ('i3d_kinetics400', None, dict(threads=2), 'threads is for exported files'),
        ('a.onnx', 'b.ckpt', {}, 'a.onnx holds its weights'),
        ('a.onnx', None, {}, 'a.onnx'),
    ],
)
def test_what_names_no_network_is_told(model, checkpoint, options, message):
    with pytest.raises(I3DBoxError, match=message):
        init_recognizer(model, checkpoint, **options)


def test_parts_that_do_not_fit_are_told(tmp_path):
    cfg, checkpoints = made(tmp_path)
    with pytest.raises(
        ConfigError, match='joint takes a checkpoint of rgb and one of flow; there is rgb alone'
    ):
        init_recognizer(cfg, {'rgb': checkpoints['rgb']}, stream='joint')
    assert init_recognizer(cfg, {'rgb': checkpoints['rgb']}).stream == 'rgb'
    with pytest.raises(ConfigError, match='a config goes with a checkpoint'):
        init_recognizer(cfg)
    one, checkpoint = made(tmp_path / 'one', 'rgb')
    with pytest.raises(ConfigError, match='one of flow; there is rgb alone'):
        init_recognizer(one, checkpoint, stream='joint')
    i3d, checkpoint = made(tmp_path / 'i3d', 'rgb', size=32, backbone='i3d')
    with pytest.raises(
        ConfigError, match='takes clips of at least 8 frames of 32 x 32; got 4 frames of 32 x 32'
    ):
        inference_recognizer(init_recognizer(i3d, checkpoint), moving_frames(9), window=4)


# Every door makes clips by the config's own test pipeline

OWN_STEPS = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=WINDOW, frame_interval=2, mode='whole'),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(24, 16), keep_ratio=False),
    dict(type='ComputeFlow', method='farneback'),
    dict(type='ThreeCrop', size=(16, 16)),
    dict(type='Negative', offset=3),
    dict(type='PackClips'),
]


@PIPELINES.register
class Negative:
    """A step of a user's own, which says nothing of what it looks at."""

    def __init__(self, offset):
        self.offset = offset

    def __call__(self, results):
        return dict(results, imgs=[255 - self.offset - img for img in results['imgs']])


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['rgb', 'flow', 'joint'])
def test_any_pipeline_gives_a_whole_video_the_scores_of_its_test(tmp_path, kind):
    videos = [
        write_video(tmp_path / f'v{count}.avi', moving_frames(count)) for count in (9, 15, 22)
    ]
    cfg, checkpoint = made(tmp_path / kind, kind, videos, steps=OWN_STEPS)
    expected = run_test(cfg, checkpoint).scores
    recognizer = init_recognizer(cfg, checkpoint)
    found = [inference_recognizer(recognizer, str(path)).scores for path in videos]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_test_demo_notebook_stream_and_exported_file_give_one_answer(tmp_path, capsys):
    for package in ('onnx', 'onnxruntime'):
        pytest.importorskip(package)
    from i3dbox.apis.export import export

    path = str(write_video(tmp_path / 'a.avi', moving_frames(15)))  # what a window spans
    cfg, checkpoint = made(tmp_path / 'net', 'rgb', [path], steps=OWN_STEPS)
    expected = run_test(cfg, checkpoint).scores[0]
    recognizer = init_recognizer(cfg, checkpoint)
    stream = VideoStream(recognizer)
    pushed = [answer for _, frame in FrameIterator(path) for answer in stream.push(frame)]
    assert len(pushed) == 1 and stream.finish() == []
    file = export(cfg, checkpoint, 'ONNX', str(tmp_path / 'a.onnx')).path
    exported = init_recognizer(file, backend='onnxruntime')
    assert (exported.window, exported.interval) == (WINDOW, 2)
    doors = dict(
        notebook=inference_recognizer(recognizer, path),
        windows=inference_recognizer(recognizer, path, window=WINDOW),
        stream=pushed[0],
        exported=inference_recognizer(exported, path),
    )
    for door, answer in doors.items():
        np.testing.assert_allclose(answer.scores, expected, atol=1e-5, err_msg=door)
    arguments = ['--config', cfg.filename, '--checkpoint', checkpoint, '--top', '3']
    out = str(tmp_path / 'a.json')
    assert main('demo', [path, *arguments, '--out', out]) == 0
    told = {one['name']: one['probability'] for one in json.load(open(out))['video']['top']}
    shares = np.exp(expected) / np.exp(expected).sum()
    assert [told[name] for name in recognizer.classes] == pytest.approx(shares, abs=1e-5)


def test_streams_of_different_rates_are_refused(tmp_path):
    cfg, checkpoint = made(tmp_path, 'joint', steps=OWN_STEPS)
    cfg.data.test.flow.pipeline[1].frame_interval = 1
    with pytest.raises(ConfigError, match='differ in their frame_interval'):
        init_recognizer(cfg, checkpoint).cutter()


def test_sources_that_cannot_be_recognised_are_told(joint, tmp_path):
    one = write_video(tmp_path / 'one.avi', moving_frames(1))
    with pytest.raises(DamagedSampleError, match='one.avi: a single frame has no flow'):
        inference_recognizer(joint, str(one))
    with pytest.raises(DamagedSampleError, match='one.avi: a single frame has no flow'):
        inference_recognizer(joint, str(one), window=8)
    with pytest.raises(ConfigError, match='got an array of 8 x 8 x 3'):
        inference_recognizer(joint, np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DamagedSampleError, match='no frame can be decoded'):
        inference_recognizer(joint, np.zeros((0, 8, 8, 3), np.uint8), window=8)


def test_a_video_too_long_to_be_scored_in_one_piece_is_told(joint, monkeypatch):
    monkeypatch.setattr('i3dbox.inference.clip_windows.MAX_WHOLE', 20)
    with pytest.raises(ConfigError, match='more than 20 frames, too many .*: window=8 takes'):
        inference_recognizer(joint, iter(moving_frames(30)))


def test_a_generator_works_ahead_and_gives_its_errors_in_their_place():
    seen = []

    def count():
        for i in range(5):
            seen.append(i)
            yield i
        raise ValueError('five')

    values = []
    with pytest.raises(ValueError, match='five'):
        for value in ahead(count()):
            values.append(value)
    assert values == seen == [0, 1, 2, 3, 4]
    working = ahead(count())
    next(working)
    working.close()  # ends the thread
