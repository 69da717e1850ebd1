"""The report is one page that needs no other file and shows what is in the logs and results."""

import ast
import base64
import datetime
import html
import json
import re

import cv2
import mindspore as ms
import numpy as np
import pytest
from test_configs import ROOT

from i3dbox.apis.mistake_heat import MistakeHeat
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.engine.logging import JsonLines
from i3dbox.errors import ConfigError, DataError
from i3dbox.evaluation.results import Results
from i3dbox.fileio import sha256
from i3dbox.models import build_recognizer
from i3dbox.registry import DATASETS
from i3dbox.reports.mistakes import most_confident_mistakes, open_dataset, plain_values
from i3dbox.reports.report import _metrics, class_rows
from i3dbox.reports.run_log import read_run_log
from i3dbox.reports.verdict import verdict
from i3dbox.reports.words import CHINESE, ENGLISH, drawable, words
from i3dbox.weights.checkpoint import save_checkpoint

CLASSES = ['wave', 'clap', '跳 <b>']
LABELS = np.array([0, 0, 1, 1, 2, 2], np.int32)
FEW = dict(train_groups=5, test_groups=1, clips_per_group=1)  # of SyntheticActions: 8 to test


def results(predictions, confidence=3.0, modality='RGB', **meta):
    scores = np.zeros((6, 3), np.float32)
    scores[np.arange(6), predictions] = np.linspace(confidence, confidence + 1, 6)
    return Results(
        [f'v{i}' for i in range(6)], LABELS, scores, CLASSES, dict(modality=modality, **meta)
    )


@pytest.fixture
def work_dir(tmp_path):
    """The log of a run that was killed at step 3, resumed from 2 and cut off while writing."""
    lines = [
        dict(step=s, mode='train', loss=v, top1_acc=0.5, lr=0.1, time=1.0, data_time=0.1)
        for s, v in ((1, 3.0), (2, 2.0), (3, 9.0), (3, 1.5), (4, None))
    ]
    lines.insert(3, dict(step=2, mode='val', epoch=1, top1_acc=0.25))
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / 'log.json').write_text(
        ''.join(json.dumps(line) + '\n' for line in lines) + '{"step": 5, "mo'
    )
    return folder


def test_of_a_step_that_was_run_twice_the_later_line_counts(work_dir):
    log = read_run_log(work_dir)
    assert log['train']['step'] == [1, 2, 3, 4] and log['train']['loss'] == [3.0, 2.0, 1.5, None]
    assert log['val'] == dict(step=[2], epoch=[1], top1_acc=[0.25])


def test_a_folder_without_a_log_and_a_log_of_something_else_are_named(tmp_path):
    with pytest.raises(DataError, match='is no work_dir: it has no log.json'):
        read_run_log(tmp_path)
    (tmp_path / 'log.json').write_text('hello\n')
    with pytest.raises(DataError, match='log.json is no log of i3dbox'):
        read_run_log(tmp_path)


def test_a_run_that_was_killed_while_it_wrote_goes_on_in_a_line_of_its_own(work_dir):
    JsonLines(str(work_dir / 'log.json')).write(step=5, mode='train', loss=1.0)
    assert read_run_log(work_dir)['train']['step'] == [1, 2, 3, 4, 5]


def test_the_config_of_a_result_file_is_read_and_not_executed(tmp_path):
    made = tmp_path / 'made'
    for text in (
        f'import os\nos.mkdir({str(made)!r})',
        f'x = __import__("os").mkdir({str(made)!r})',
        f'data = dict(test=dict(type="os.mkdir", path={str(made)!r}))',
    ):
        with pytest.raises(DataError, match='the config that the results carry'):
            open_dataset(results([0] * 6, config_text=text))
    assert not made.exists()
    cfg = Config.fromfile(str(ROOT / 'configs/two_stream_ucf101.py'))
    assert plain_values(cfg.pretty_text)['data']['test'] == cfg.data.test


def test_the_table_of_classes_tells_which_stream_saves_which_class():
    rgb, flow = results([0, 0, 1, 0, 0, 0]), results([1, 1, 1, 1, 2, 0])
    head, rows = class_rows({'RGB': rgb, 'Flow': flow, 'RGB + Flow': rgb})
    assert head == [
        'class',
        'videos',
        'RGB',
        'Flow',
        'RGB + Flow',
        'saved by',
        'only RGB right',
        'only Flow right',
    ]
    assert rows == [
        ['wave', 2, '1.000', '0.000', '1.000', 'RGB +1.000', 2, 0],
        ['clap', 2, '0.500', '1.000', '0.500', 'Flow +0.500', 0, 1],
        ['跳 <b>', 2, '0.000', '0.500', '0.000', 'Flow +0.500', 0, 1],
    ]


def test_mistakes_come_surest_first_and_right_answers_not_at_all():
    found = most_confident_mistakes(results([1, 0, 0, 1, 1, 2]))
    assert [(m.name, m.label, m.prediction) for m in found] == [
        ('v4', '跳 <b>', 'clap'),
        ('v2', 'clap', 'wave'),
        ('v0', 'wave', 'clap'),
    ]
    assert found[0].confidence > found[1].confidence > found[2].confidence
    assert found[0].confidence == pytest.approx(np.exp(3.8) / (np.exp(3.8) + 2))


def test_the_page_holds_curves_tables_and_pictures_and_asks_for_nothing(work_dir, tmp_path, capsys):
    results([0, 0, 1, 0, 0, 0]).save(tmp_path / 'rgb.pkl')
    results([1, 1, 1, 1, 2, 0], modality='Flow').save(tmp_path / 'flow.json')
    out = tmp_path / 'report'
    words = [
        str(work_dir),
        str(tmp_path / 'rgb.pkl'),
        str(tmp_path / 'flow.json'),
        '--out',
        str(out),
    ]
    assert main('report', words) == 0
    text = (out / 'report.html').read_text(encoding='utf-8')
    pictures = re.findall(r'src="([^"]*)"', text)
    assert len(pictures) == 6 and all(p.startswith('data:image/png;base64,') for p in pictures)
    for picture in pictures:
        assert (
            cv2.imdecode(np.frombuffer(base64.b64decode(picture.partition(',')[2]), np.uint8), 1)
            is not None
        )
    assert not re.search(r'(src|href)="?(http|/|file)|@import|<link', text)
    assert 'RGB + Flow' in text and html.escape('跳 <b>') in text and '跳 <b>' not in text
    assert 'Their frames are not shown: the results do not carry their config' in text
    assert {f.name for f in out.glob('*.png')} == {
        'curve_loss.png',
        'curve_accuracy.png',
        'curve_learning_rate.png',
        'curve_time.png',
        'confusion_matrix.png',
        'calibration.png',
    }
    printed = capsys.readouterr().out
    assert 'saved by' in printed and printed.strip().endswith('report.html')


def test_streams_of_different_videos_are_shown_beside_each_other_and_not_fused(tmp_path):
    results([0, 0, 1, 0, 0, 0], protocol='whole').save(tmp_path / 'rgb.pkl')
    results([1, 1, 1, 1, 2, 0], modality='Flow', protocol='centre').save(tmp_path / 'flow.pkl')
    assert (
        main(
            'report',
            [str(tmp_path / 'rgb.pkl'), str(tmp_path / 'flow.pkl'), '--out', str(tmp_path / 'r')],
        )
        == 0
    )
    text = (tmp_path / 'r/report.html').read_text(encoding='utf-8')
    assert 'cannot be fused: their protocols differ' in text and 'RGB + Flow' not in text


def test_columns_of_other_videos_stand_beside_each_other(tmp_path):
    short = results([0, 0, 1, 0, 0, 0])
    short = Results(short.names[:5], short.labels[:5], short.scores[:5], CLASSES, short.meta)
    head, rows = class_rows(
        {'old': short, 'RGB': results([0, 0, 1, 0, 0, 0]), 'Flow': results([1, 1, 1, 1, 2, 0])}
    )
    assert [row[1] for row in rows] == [2, 2, '1 to 2'] and rows[0][-3:] == ['RGB +1.000', 2, 0]
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        short.save(tmp_path / str(number) / 'rgb.pkl')
    paths = [str(tmp_path / str(number) / 'rgb.pkl') for number in range(3)]
    assert main('report', [*paths, '--out', str(tmp_path / 'r')]) == 0
    text = (tmp_path / 'r/report.html').read_text(encoding='utf-8')
    assert paths[1] in text and paths[2] in text


def test_results_of_different_classes_are_refused(tmp_path, capsys):
    results([0] * 6).save(tmp_path / 'a.pkl')
    other = results([0] * 6)
    other.classes = ['wave', 'jump', 'clap']
    other.save(tmp_path / 'b.pkl')
    assert (
        main(
            'report', [str(tmp_path / 'a.pkl'), f'B={tmp_path}/b.pkl', '--out', str(tmp_path / 'r')]
        )
        == 1
    )
    assert "class 1 is 'clap' in the one and 'jump' in the other" in capsys.readouterr().err


@pytest.mark.slow
def test_mistakes_are_shown_with_frames_of_both_streams(tmp_path):
    cfg = Config.fromfile(str(ROOT / 'configs/two_stream_synthetic.py'))
    for stream in ('rgb', 'flow'):
        cfg.data.test[stream].update(data_root=str(tmp_path / 'synthetic'), generation=FEW)
    dataset = DATASETS.build(cfg.data.test, test_mode=True)
    names = [sample['name'] for sample in dataset.samples[:2]] + ['gone/video']
    scores = np.eye(8, dtype=np.float32)[[7, 7, 7]] * 5
    Results(
        names,
        np.zeros(3, np.int32),
        scores,
        dataset.classes,
        dict(config_text=cfg.pretty_text, modality='RGB'),
    ).save(tmp_path / 'r.pkl')
    assert main('report', [str(tmp_path / 'r.pkl'), '--out', str(tmp_path / 'out')]) == 0
    pictures = [cv2.imread(str(path)) for path in sorted((tmp_path / 'out').glob('mistake_*.png'))]
    assert len(pictures) == 2
    # two rows of frames
    assert all(p.shape[1] == pictures[0].shape[1] and p.shape[0] > 2 * 96 for p in pictures)
    assert (tmp_path / 'out/report.html').read_text(encoding='utf-8').count(
        'data:image/jpeg'
    ) == 2 + 2


@pytest.mark.slow
def test_mistakes_are_shown_with_the_heat_of_what_they_were_taken_for(tmp_path, capsys):
    cfg = Config.fromfile(
        str(ROOT / 'configs/i3d_rgb_synthetic.py'),
        {'data.test.data_root': str(tmp_path / 'synthetic'), 'data.test.generation': FEW},
    )
    recognizer = build_recognizer(cfg.model)
    checkpoint, other = (str(tmp_path / f'{name}.ckpt') for name in 'ab')
    save_checkpoint(checkpoint, recognizer)
    recognizer.head.logits.bias.set_data(ms.Tensor(np.ones(8, np.float32)))
    save_checkpoint(other, recognizer)
    dataset = DATASETS.build(cfg.data.test, test_mode=True)
    meta = dict(
        config_text=cfg.pretty_text,
        checkpoint=dict(model=dict(path='x', sha256=sha256(checkpoint))),
    )
    scores = np.eye(8, dtype=np.float32)[[7]] * 5
    names = [dataset.samples[0]['name']]
    Results(names, np.zeros(1, np.int32), scores, dataset.classes, meta).save(tmp_path / 'r.pkl')
    words = [str(tmp_path / 'r.pkl'), '--out', str(tmp_path / 'out')]
    assert main('report', words) == 0
    plain = cv2.imread(str(tmp_path / 'out/mistake_01.png'))
    assert main('report', [*words, '--gradcam', checkpoint, '--endpoint', 'Mixed_5b']) == 0
    heated = cv2.imread(str(tmp_path / 'out/mistake_01.png'))
    assert heated.shape[0] > 1.8 * plain.shape[0] and heated.shape[1] == plain.shape[1]
    assert main('report', [*words, '--gradcam', other]) == 1
    assert f'of the checkpoint x (sha256 {sha256(checkpoint)})' in capsys.readouterr().err
    hostile = cfg.pretty_text.replace('num_classes=8', 'num_classes=1000000000')
    with pytest.raises(ConfigError, match='not of plain I3D with as many classes'):
        MistakeHeat(
            Results(names, [0], scores, None, dict(meta, config_text=hostile)), [checkpoint]
        )
    assert main('report', [*words, '--gradcam', checkpoint, '--endpoint', 'Logits']) == 1
    assert 'Logits have no place in the frame' in capsys.readouterr().err


@pytest.mark.slow
def test_the_report_opens_with_what_it_comes_to(tmp_path):
    cfg = Config.fromfile(
        str(ROOT / 'configs/i3d_rgb_synthetic.py'),
        {
            'data.test.data_root': str(tmp_path / 'synthetic'),
            'data.test.generation': FEW,
        },
    )
    dataset = DATASETS.build(cfg.data.test, test_mode=True)
    names = [sample['name'] for sample in dataset.samples]
    labels = np.array([sample['label'] for sample in dataset.samples], np.int32)
    answers = labels.copy()
    answers[[0, 1]] = 7
    meta = dict(config_text=cfg.pretty_text, config='my/i3d_rgb.py', modality='RGB')
    scores = np.eye(8, dtype=np.float32)[answers] * 5
    Results(names, labels, scores, dataset.classes, meta).save(tmp_path / 'r.pkl')
    assert main('report', [str(tmp_path / 'r.pkl'), '--out', str(tmp_path / 'out')]) == 0
    text = (tmp_path / 'out/report.html').read_text(encoding='utf-8')
    assert '<h1>i3dbox report: i3d_rgb</h1>' in text and f'{datetime.date.today()}' in text
    assert 'RGB: 6 of 8 test videos are named rightly, 75.0 %' in text
    wrong = dataset.classes[labels[0]]
    assert f'is taken for {dataset.classes[7]}: 1 of 2 mistakes' in text
    assert text.count('<figcaption class=right>') == 6
    assert text.count('<figcaption class=wrong>') == 2 and f'({wrong})' in text


def test_one_mistake_is_no_statistic():
    predictions = LABELS.copy()
    predictions[0] = (LABELS[0] + 1) % 3
    text = verdict('RGB', results(predictions), ENGLISH)
    told, taken = CLASSES[LABELS[0]], CLASSES[predictions[0]]
    assert text.endswith(f'The one mistake: {told} is taken for {taken}.')


def test_few_classes_have_no_top_5():
    assert _metrics(results([0] * 6))[0] == dict(type='top_k_accuracy', topk=(1,))
    many = Results(['a'], np.zeros(1, np.int32), np.zeros((1, 9), np.float32))
    assert _metrics(many)[0]['topk'] == (1, 5)


def test_the_work_dir_of_finetune_is_reported_as_it_is(work_dir, tmp_path):
    tuned = tmp_path / 'tuned'
    tuned.mkdir()
    work_dir.rename(tuned / 'rgb')
    results([0, 0, 1, 0, 0, 0]).save(tuned / 'rgb.pkl')
    assert main('report', [str(tuned), '--out', str(tmp_path / 'r')]) == 0
    text = (tmp_path / 'r/report.html').read_text(encoding='utf-8')
    assert 'Training' in text and '3 of 6 test videos are named rightly' in text


@pytest.mark.slow
def test_the_report_speaks_chinese_where_it_is_asked_to_or_the_system_does(
    work_dir, tmp_path, monkeypatch
):
    results([0, 0, 1, 0, 0, 0], skipped=['x']).save(tmp_path / 'r.pkl')
    sources = [str(work_dir), str(tmp_path / 'r.pkl'), '--out', str(tmp_path / 'r')]
    assert main('report', [*sources, '--lang', 'zh']) == 0
    chinese = (tmp_path / 'r/report.html').read_text(encoding='utf-8')
    assert 'lang="zh"' in chinese and '6 个测试视频中有 3 个识别正确，准确率为 50.0 %' in chinese
    assert '最常见的错误是把“' in chinese and '个）。 ' not in chinese
    assert '<h1>i3dbox 报告：' in chinese and '>top-1 准确率 (top1_acc)<' in chinese
    assert '<h2>训练</h2>' in chinese and '1 个损坏的视频没有计入：x' in chinese
    text = re.sub(
        '<[^>]*>|src="[^"]*"', '', chinese.partition('<body>')[2].partition('<script>')[0]
    )
    for english in CHINESE:
        if ' ' in english and '{' not in english:
            assert english not in text
    monkeypatch.setenv('LC_ALL', 'zh_CN.UTF-8')
    assert main('report', sources) == 0
    assert (tmp_path / 'r/report.html').read_text(encoding='utf-8') == chinese
    assert main('report', [*sources, '--lang', 'en']) == 0
    assert '3 of 6 test videos are named rightly' in (tmp_path / 'r/report.html').read_text()


def test_every_text_of_the_report_has_its_chinese_with_the_same_values():
    """A text that is said is in the table, and one of the table is said."""
    files = [*(ROOT / 'i3dbox/reports').glob('*.py'), ROOT / 'i3dbox/apis/finetune.py']
    constants = set()
    said = set()
    for file in files:
        if file.name == 'words.py':
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                constants.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'say':
                said.update(a.value for a in node.args if isinstance(a, ast.Constant))
    assert said <= set(CHINESE) <= constants
    for english, chinese in CHINESE.items():
        names = [re.findall(r'{([\w.:]+)}', text) for text in (english, chinese)]
        assert sorted(names[0]) == sorted(names[1])


def test_charts_are_english_where_no_font_has_chinese(monkeypatch, caplog):
    chinese = words('zh')
    monkeypatch.setattr('i3dbox.reports.words.has_font', lambda text: True)
    assert drawable(chinese) is chinese and not caplog.records
    monkeypatch.setattr('i3dbox.reports.words.has_font', str.isascii)
    assert drawable(chinese)('step') == 'step' and 'i3dbox[fonts]' in caplog.text
    assert drawable(words('en'))('step') == 'step'


def test_a_strangers_results_make_no_data_set_and_read_what_is_there(tmp_path):
    root = tmp_path / 'synthetic'
    generation = dict(train_groups=5, test_groups=1, clips_per_group=1, num_frames=9)
    cfg = Config.fromfile(
        str(ROOT / 'configs/i3d_rgb_synthetic.py'), {'data.test.data_root': str(root)}
    )
    hostile = results([0] * 6, config_text=cfg.pretty_text)
    with pytest.raises(DataError):
        open_dataset(hostile)
    assert not root.exists()
    made = DATASETS.build(dict(cfg.data.test, generation=generation), test_mode=True)
    before = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
    found = open_dataset(hostile)  # whose config would have another made in its place
    assert [one['name'] for one in found.samples] == [one['name'] for one in made.samples]
    assert {path: path.stat().st_mtime_ns for path in root.rglob('*')} == before


@pytest.mark.parametrize(
    'meta',
    [
        dict(checkpoint=dict(model=dict(sha256=[1]))),
        dict(parts=dict(a=dict(checkpoint=5))),
        dict(parts=dict(a=dict(checkpoint=dict(model=[1])))),
    ],
)
def test_results_that_do_not_say_what_they_are_of_have_no_heat(tmp_path, meta):
    (tmp_path / 'a.ckpt').write_bytes(b'')
    with pytest.raises(ConfigError, match='the results do not say what they are of'):
        MistakeHeat(results([0] * 6, **meta), [str(tmp_path / 'a.ckpt')])
    with pytest.raises(ConfigError, match='none.ckpt does not exist'):
        MistakeHeat(results([0] * 6), [str(tmp_path / 'none.ckpt')])
    with pytest.raises(DataError, match='the config that the results carry is not one'):
        open_dataset(results([0] * 6, config_text='data = ' + '-' * 100000 + '1'))
