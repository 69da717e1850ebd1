"""Videos with several labels, or none: lists, batches, training, figures, answers, files."""

import json
import pathlib

import numpy as np
import pytest
from test_configs import ROOT
from test_recognize import made
from test_training import config, lines
from videos import moving_frames, write_video

from i3dbox.apis.test import test as run_test
from i3dbox.apis.train import train
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.config_checks.checks import check_data
from i3dbox.datasets import annotations as ann
from i3dbox.datasets.loader import ClipLoader
from i3dbox.datasets.sampler import SequentialSampler
from i3dbox.errors import AnnotationError, ConfigError
from i3dbox.evaluation.fusion import fuse, search_weights
from i3dbox.evaluation.results import Results, load_results
from i3dbox.inference.prediction_files import summary_row
from i3dbox.inference.recognize import Prediction
from i3dbox.registry import DATASETS
from i3dbox.reports.mistakes import most_confident_mistakes

SEVERAL = dict(
    model=dict(
        type='Recognizer3D',
        backbone=dict(type='TinyBackbone', norm=dict(momentum=0.9)),
        head=dict(type='I3DHead', num_classes=2, dropout=0.0),
        average_clips='sigmoid',
    ),
    loss=dict(type='BCEWithLogitsLoss'),
    data=dict(
        batch_size=4,
        num_workers=1,
        train=dict(type='SeveralDataset', size=16),
        val=dict(type='SeveralDataset', size=8),
        test=dict(type='SeveralDataset', size=8),
    ),
)


def several(tmp_path, **changes):
    return config(tmp_path, **{**SEVERAL, **changes})


def results(labels, scores, **kwargs):
    names = [f'v{i}' for i in range(len(labels))]
    return Results(names, np.array(labels), np.array(scores, np.float32), **kwargs)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / 'list.txt'
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """The config of a run of four epochs, with its folder."""
    folder = tmp_path_factory.mktemp('several')
    cfg = several(folder, total_epochs=4)
    train(cfg, validate=True)
    return cfg


def facts(entries):
    return [(entry.path, entry.label, entry.total_frames, entry.offset) for entry in entries]


def test_a_line_ends_in_the_labels_of_its_video(write):
    read = ann.read_video_list(write('a b.avi 2 0 2\nc.avi 1\n'), several=True)
    assert facts(read) == [('a b.avi', (0, 2), None, None), ('c.avi', (1,), None, None)]
    read = ann.read_rawframe_list(write('a b 30 2 0\n'), several=True)
    assert facts(read) == [('a b', (0, 2), 30, None)]
    read = ann.read_rawframe_list(write('a, 5, 30, 2, 0\n'), ',', several=True, with_offset=True)
    assert facts(read) == [('a', (0, 2), 30, 5)]


@pytest.mark.parametrize('line', ['a.avi', 'a.avi x', '3', ''])
def test_a_line_without_labels_is_named(write, line):
    with pytest.raises(AnnotationError, match="list.txt:2: expected 'path label ...'|is empty"):
        ann.read_video_list(write(f'a.avi 1\n{line}\n' if line else ''), several=True)


def test_one_label_a_line_is_meant_unless_several_are_asked_for(write):
    (entry,) = ann.read_video_list(write('a 2 0\n'))
    assert (entry.path, entry.label) == ('a 2', 0)


def test_a_batch_has_ones_and_zeros(tmp_path, write):
    for name in ('a', 'b'):
        write_video(tmp_path / f'{name}.avi', moving_frames(8))
    steps = [
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=4, mode='centre'),
        dict(type='DecodeClip'),
        dict(type='Flip', flip_ratio=1.0, flip_label_map={0: 1}),
        dict(type='PackClips'),
    ]
    listed = dict(
        type='VideoDataset',
        ann_file=write('a.avi 0 2\nb.avi 1\n'),
        data_prefix=str(tmp_path),
        pipeline=steps,
        multi_class=True,
        num_classes=4,
    )
    for cfg in (listed, dict(type='ConcatDataset', datasets=[listed])):
        tested = DATASETS.build(cfg, test_mode=True)
        (batch,) = ClipLoader(tested, SequentialSampler(2, 2))
        assert batch['label'].tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]
        assert batch['label'].dtype == np.float32
    mirrored = DATASETS.build(listed, test_mode=False)
    assert mirrored.target_of(mirrored.load(0, np.random.default_rng(0))['label']).tolist() == [
        0,
        1,
        1,
        0,
    ]
    with pytest.raises(ConfigError, match='multi_class needs classes or num_classes'):
        DATASETS.build({key: value for key, value in listed.items() if key != 'num_classes'})
    with pytest.raises(AnnotationError, match=r'list.txt:1: label 2, but there are 2 classes'):
        DATASETS.build(dict(listed, num_classes=2))


def test_of_several_labels_the_rarest_says_how_often_a_sample_comes(tmp_path):
    part = dict(type='SeveralDataset', size=8)
    dataset = DATASETS.build(part)
    assert dataset.label_counts == {0: 4, 1: 4} and dataset.num_classes == 2
    balanced = DATASETS.build(dict(type='ClassBalancedDataset', dataset=part, oversample_thr=1.0))
    names = [sample['name'].partition(' ')[0] for sample in balanced.samples]
    assert names.count('clip0') == 1 and names.count('clip3') == 2  # clip0 has no label


def test_what_takes_one_label_is_refused_before_the_first_step(tmp_path):
    with pytest.raises(ConfigError, match="average_clips='sigmoid' of model"):
        train(several(tmp_path, model=dict(SEVERAL['model'], average_clips='score')))
    with pytest.raises(ConfigError, match='several labels a video, which CrossEntropyLoss'):
        train(several(tmp_path, loss=dict(type='CrossEntropyLoss')))
    with pytest.raises(ConfigError, match='top_k_accuracy is of videos with one label'):
        train(several(tmp_path, evaluation=dict(metrics='top_k_accuracy')), validate=True)
    with pytest.raises(ConfigError, match='loss.class_weight has 3 numbers; the model has 2'):
        train(several(tmp_path, loss=dict(type='BCEWithLogitsLoss', pos_weight=[1, 2, 3])))


@pytest.mark.slow
def test_it_learns_and_is_validated_by_average_precision(trained):
    assert list(lines(trained.work_dir, 'val')[0])[-2:] == [
        'mean_average_precision',
        'mmit_mean_average_precision',
    ]
    losses = [line['loss'] for line in lines(trained.work_dir)]
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
    shares = [line['top1_acc'] for line in lines(trained.work_dir)]
    assert all(0 <= share <= 1 for share in shares) and max(shares) > 0


@pytest.mark.slow
def test_a_test_of_it_is_saved_and_read_again(trained, tmp_path, capsys):
    found = run_test(trained, f'{trained.work_dir}/epoch_4.ckpt')
    assert found.labels.tolist() == [[i & 1, i >> 1 & 1] for i in range(8)]
    assert found.meta['protocol'].endswith('mean of the sigmoid')
    figures = found.evaluate()
    assert figures.keys() == {'mean_average_precision', 'mmit_mean_average_precision'}
    for name in ('r.json', 'r.pkl'):
        found.save(tmp_path / name)
        read = load_results(tmp_path / name)
        np.testing.assert_array_equal(read.labels, found.labels)
        assert read.evaluate() == figures
    labels = [one['label'] for one in json.loads((tmp_path / 'r.json').read_text())['samples']]
    assert labels[:4] == [[], [0], [1], [0, 1]]
    assert main('summarize', [str(tmp_path / 'r.json'), '--eval', 'per_class']) == 0
    assert main('summarize', [str(tmp_path / 'r.json'), '--eval', 'confusion_matrix']) == 1
    assert 'confusion_matrix is of videos with one label' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('change', 'fault'),
    [
        (dict(label=[0, 7]), 'no result file'),
        (dict(label=[-1]), 'no result file'),
        (dict(label=0), 'no result file'),
        (dict(label=['a']), 'no result file'),
    ],
)
def test_labels_of_a_damaged_file_are_refused(tmp_path, change, fault):
    path = tmp_path / 'r.json'
    results([[0, 1], [1, 1]], [[1, 2], [3, 4]]).save(path)
    content = json.loads(path.read_text())
    content['samples'][1].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=fault):
        load_results(path)


def test_streams_of_several_labels_are_fused_and_others_are_not():
    rgb = results([[0, 1], [1, 1]], [[1, 2], [3, 4]], meta=dict(modality='RGB'))
    flow = results([[0, 1], [1, 1]], [[1, 0], [0, 1]], meta=dict(modality='Flow'))
    assert fuse(dict(a=rgb, b=flow)).scores.tolist() == [[2, 2], [3, 5]]
    with pytest.raises(ConfigError, match="'v1' has label"):
        fuse(dict(a=rgb, b=results([[0, 1], [0, 1]], flow.scores)))
    with pytest.raises(ConfigError, match='one label in the one and several in the other'):
        fuse(dict(a=rgb, b=results([0, 1], flow.scores)))
    with pytest.raises(ConfigError, match='the search for weights is of videos with one label'):
        search_weights(dict(a=rgb, b=flow))


def test_the_surest_mistake_is_a_class_that_the_video_is_not_of():
    found = most_confident_mistakes(
        results([[1, 0, 0], [1, 1, 0], [0, 0, 0]], [[9, 3, -1], [4, -5, -2], [-1, -2, 0.5]])
    )
    sigmoid = 1 / (1 + np.exp([-3, -9, -0.5]))
    assert [(one.name, one.label, one.prediction) for one in found] == [
        ('v0', '0', '1'),
        ('v2', 'none', '2'),
    ]
    assert [one.confidence for one in found] == pytest.approx([sigmoid[0], sigmoid[2]])
    assert found[0].own == pytest.approx(sigmoid[1])


@pytest.mark.slow
def test_the_report_has_average_precisions_and_no_confusions(tmp_path):
    results([[1, 0], [1, 1]], [[9, 3], [4, -5]], classes=['run', 'wave']).save(tmp_path / 'r.pkl')
    assert main('report', [str(tmp_path / 'r.pkl'), '--out', str(tmp_path / 'out')]) == 0
    page = (tmp_path / 'out/report.html').read_text()
    assert 'Average precision of each class' in page and 'mmit_mean_average_precision' in page
    assert 'Confusions' not in page and 'v0: run, taken for wave' in page
    results([1, 0], [[9, 3], [4, -5]]).save(tmp_path / 'one.pkl')
    both = [str(tmp_path / 'r.pkl'), str(tmp_path / 'one.pkl'), '--out', str(tmp_path / 'out')]
    assert main('report', both) == 1


def prediction(scores, several=True):
    classes = ['run', 'wave', 'sit']
    return Prediction('a', classes, np.array(scores), {}, 0, 8, 0.0, 1.0, several=several)


def test_an_answer_names_all_classes_that_are_likely():
    answer = prediction([2.0, -1.0, 0.5])
    np.testing.assert_allclose(answer.probabilities, 1 / (1 + np.exp([-2.0, 1.0, -0.5])))
    assert [one.name for one in answer.found] == ['run', 'sit']
    assert prediction([-1.0, -2.0, -3.0]).found == []
    assert [one.name for one in prediction([2.0, 1.9, 0.5], several=False).found] == ['run']
    row = summary_row('a', 'a.avi', answer)
    assert (row['label'], row['class']) == ('0; 2', 'run; sit')


@pytest.mark.slow
def test_demo_and_exported_file_give_each_class_a_probability_of_its_own(tmp_path, capsys):
    cfg, checkpoint = made(tmp_path / 'network', 'rgb')
    cfg.model.average_clips = 'sigmoid'
    video = tmp_path / 'a.avi'
    write_video(video, moving_frames(12))
    cfg.dump(tmp_path / 'sigmoid.py')
    files = [tmp_path / 'a.json', tmp_path / 'a.csv']
    named = ['--config', str(tmp_path / 'sigmoid.py'), '--checkpoint', str(checkpoint)]
    assert main('demo', [str(video), *named, '--out', *map(str, files)]) == 0
    whole = json.loads(files[0].read_text())['video']
    likely = [one for one in whole['top'] if one['probability'] >= 0.5]
    assert whole['found'] == likely
    out = tmp_path / 'm.onnx'
    assert main('export', [*named, '--format', 'ONNX', '--out', str(out)]) == 0
    assert json.loads(pathlib.Path(f'{out}.json').read_text())['output']['values'].startswith(
        'log-odds'
    )
    exported = tmp_path / 'b.json'
    assert main('demo', [str(video), '--model', str(out), '--out', str(exported)]) == 0
    other = json.loads(exported.read_text())['video']
    assert [one['name'] for one in other['top']] == [one['name'] for one in whole['top']]
    np.testing.assert_allclose(
        [one['probability'] for one in other['top']],
        [one['probability'] for one in whole['top']],
        atol=1e-4,
    )


@pytest.mark.slow
@pytest.mark.parametrize('modality', ['rgb', 'flow'])
def test_the_example_of_two_labels_is_what_it_says(tmp_path, modality):
    videos = dict(
        data_root=str(tmp_path),
        generation=dict(train_groups=5, test_groups=1, clips_per_group=1, num_frames=9),
    )
    options = {f'data.{name}.videos': videos for name in ('train', 'val', 'test')}
    path = ROOT / f'docs/examples/two_labels/two_actions_{modality}.py'
    cfg = Config.fromfile(str(path), options)
    cfg.work_dir = str(tmp_path / 'run')
    check_data(cfg)
    dataset = DATASETS.build(cfg.data.train, test_mode=False)
    assert len(dataset.classes) == 4 and {len(one['label']) for one in dataset.samples} == {1, 2}
    sample = dataset.load(0, np.random.default_rng(0))
    assert sample['imgs'].shape[:5] == (1, 8, 64, 128, 2 if modality == 'flow' else 3)
    assert not hasattr(cfg.evaluation, 'metrics')
