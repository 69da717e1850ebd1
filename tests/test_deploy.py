"""The Ascend 310 workflow gives what tools/test.py gives, and refuses what does not fit."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from test_commands import CONFIGS, small
from test_distributed import environment
from test_training import TOOLS

from i3dbox.apis.deploy import infer, read_manifest, score_results, write_dataset
from i3dbox.apis.export import export
from i3dbox.apis.test import Tester
from i3dbox.commands import main
from i3dbox.commands.cfg_options import parse_value
from i3dbox.config import Config
from i3dbox.config_checks.protocols import apply_protocol, describe_protocol
from i3dbox.errors import ConfigError, DataError, DeviceError, ExportError
from i3dbox.evaluation.metrics import DEFAULT
from i3dbox.evaluation.results import load_results
from i3dbox.models import build_recognizer
from i3dbox.weights.checkpoint import save_checkpoint

pytestmark = pytest.mark.slow


def config(root, stream='rgb', protocol='uniform'):
    words = small(root, 'data.test')[1:]
    cfg = Config.fromfile(
        str(CONFIGS / f'i3d_{stream}_ucf101.py'),
        {key: parse_value(value) for key, _, value in (word.partition('=') for word in words)},
    )
    if protocol:
        apply_protocol(cfg, protocol)
    return cfg


@pytest.fixture(scope='module')
def checkpoints(real_root, tmp_path_factory):
    """Checkpoints of both streams with logits that tell videos apart."""
    folder = tmp_path_factory.mktemp('checkpoints')
    for seed, stream in enumerate(('rgb', 'flow')):
        recognizer = build_recognizer(config(real_root, stream).model, seed)
        for parameter in recognizer.get_parameters():
            if parameter.name == 'head.logits.weight':
                parameter.set_data(parameter.value() * 50)
        save_checkpoint(
            str(folder / f'{stream}.ckpt'),
            recognizer,
            meta=dict(
                modality={'rgb': 'RGB', 'flow': 'Flow'}[stream], classes=['Class1', 'Class2']
            ),
        )
    return folder


@pytest.fixture(scope='module')
def artefacts(real_root, checkpoints):
    """RGB as ONNX with batches of one, flow as MINDIR with batches of three."""
    export(
        config(real_root),
        str(checkpoints / 'rgb.ckpt'),
        'ONNX',
        str(checkpoints / 'rgb.onnx'),
        device='CPU',
    )
    export(
        config(real_root, 'flow'),
        str(checkpoints / 'flow.ckpt'),
        'MINDIR',
        str(checkpoints / 'flow.mindir'),
        batch_size=3,
        device='CPU',
    )
    return dict(rgb=str(checkpoints / 'rgb.onnx'), flow=str(checkpoints / 'flow.mindir'))


@pytest.fixture(scope='module')
def tested(real_root, checkpoints):
    """What tools/test.py finds, by stream."""
    return {
        stream: Tester(config(real_root, stream), 'CPU')(str(checkpoints / f'{stream}.ckpt'))
        for stream in ('rgb', 'flow')
    }


@pytest.fixture(scope='module')
def written(real_root, artefacts, tmp_path_factory):
    """Data sets of files of three clips with the answers to them, by stream."""
    folders = {}
    for stream in ('rgb', 'flow'):
        folders[stream] = str(tmp_path_factory.mktemp(stream))
        write_dataset(config(real_root, stream), folders[stream], batch_size=3)
        infer(artefacts[stream], folders[stream])
    return folders


@pytest.fixture
def copied(written, tmp_path):
    """A copy of the RGB data set, to be damaged."""
    return shutil.copytree(written['rgb'], tmp_path / 'copy')


@pytest.mark.parametrize('stream', ['rgb', 'flow'])
def test_the_workflow_gives_the_figures_of_a_test(written, tested, stream):
    results, expected = score_results(written[stream]), tested[stream]
    assert results.names == expected.names and results.meta['protocol'] == expected.meta['protocol']
    np.testing.assert_array_equal(results.labels, expected.labels)
    np.testing.assert_allclose(results.scores, expected.scores, rtol=1e-4, atol=1e-5)
    assert results.evaluate(DEFAULT) == expected.evaluate(DEFAULT)


def test_both_streams_are_scored_together(written, tested, capsys, tmp_path):
    assert (
        main(
            'postprocess', [written['rgb'], written['flow'], '--out', str(tmp_path / 'joint.json')]
        )
        == 0
    )
    printed = capsys.readouterr().out
    share = np.mean(
        (tested['rgb'].scores + tested['flow'].scores).argmax(1) == tested['rgb'].labels
    )
    row = next(line for line in printed.splitlines() if line.startswith('| RGB + Flow'))
    assert f'{share:.4f}' in row
    assert len(json.loads((tmp_path / 'joint.json').read_text())['samples']) == 4


def test_no_file_is_short_and_labels_lie_beside(written):
    manifest = read_manifest(written['rgb'])
    assert manifest['files'] == [f'i3d_data_bs3_{i:06d}' for i in range(6)]  # 4 clips of 4 videos
    assert manifest['clips'] == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4 + [-1] * 2
    labels = np.load(f'{written["rgb"]}/label_bs3.npy')
    assert (
        labels.shape == (6, 3)
        and labels.reshape(-1).tolist() == [0] * 4 + [1] * 4 + [0] * 4 + [1] * 4 + [-1] * 2
    )
    sizes = {
        len(open(f'{written["rgb"]}/00_data/{name}.bin', 'rb').read()) for name in manifest['files']
    }
    assert sizes == {3 * 8 * 32 * 32 * 3}


def test_float32_files_are_the_networks_input(real_root, written, tmp_path):
    write_dataset(config(real_root), str(tmp_path / 'f'), 3, 'float32')
    floats = np.fromfile(tmp_path / 'f/00_data/i3d_data_bs3_000000.bin', np.float32).reshape(
        3, 3, 8, 32, 32
    )
    pixels = np.fromfile(f'{written["rgb"]}/00_data/i3d_data_bs3_000000.bin', np.uint8).reshape(
        3, 8, 32, 32, 3
    )
    np.testing.assert_allclose(floats, pixels.transpose(0, 4, 1, 2, 3) / 127.5 - 1, atol=1e-6)


def test_whole_videos_become_one_clip_each(real_root, tmp_path):
    manifest = write_dataset(config(real_root, protocol=None), str(tmp_path))
    assert manifest['clips'] == [0, 1, 2, 3] and "mode='centre'" in manifest['protocol']


def test_a_stopped_call_goes_on_and_gives_the_same(real_root, written, copied):
    expected = read_manifest(copied)
    for name in expected['files'][2:]:
        (copied / f'00_data/{name}.bin').unlink()
    (copied / 'manifest.json').unlink()
    before = (copied / '00_data/i3d_data_bs3_000000.bin').stat().st_mtime_ns
    with pytest.raises(DataError, match='holds no manifest.json'):
        read_manifest(copied)
    assert write_dataset(config(real_root), str(copied), 3) == expected
    assert (copied / '00_data/i3d_data_bs3_000000.bin').stat().st_mtime_ns == before


def test_a_folder_of_one_stream_or_flow_method_takes_no_other(real_root, copied, tmp_path):
    with pytest.raises(DataError, match="was begun with modality=None, and this is 'Flow'"):
        write_dataset(config(real_root, 'flow'), str(copied), 3)
    begun = config(real_root, 'flow')
    steps = begun.data.test.pipeline
    texts = []
    for method in ('tvl1', 'dis'):
        begun.data.test.pipeline = [
            *steps[:3],
            dict(type='ComputeFlow', method=method),
            *steps[3:],
        ]
        texts.append(describe_protocol(begun))
    assert texts[0] == describe_protocol(config(real_root, 'flow'))
    assert "ComputeFlow(method='dis')" in texts[1]


def test_other_settings_are_refused(real_root, copied):
    with pytest.raises(DataError, match='was begun with batch_size=3, and this is 2'):
        write_dataset(config(real_root), str(copied), 2)


def test_answers_that_are_there_are_kept_and_those_of_another_model_are_not(
    artefacts, copied, monkeypatch
):
    (copied / 'result_Files/i3d_data_bs3_000002_0.bin').unlink()
    path = copied / 'result_Files/i3d_data_bs3_000001_0.bin'
    before = path.stat().st_mtime_ns
    infer(artefacts['rgb'], str(copied))
    assert (
        path.stat().st_mtime_ns == before
        and (copied / 'result_Files/i3d_data_bs3_000002_0.bin').exists()
    )
    infer(artefacts['rgb'], str(copied), backend='onnxruntime')
    assert path.stat().st_mtime_ns != before


def test_one_file_of_both_streams_gives_the_figures_on_synthetic_actions(tmp_path, capsys):
    options = {f'model.{stream}.backbone.endpoints': 'Mixed_3b' for stream in ('rgb', 'flow')}
    for stream in ('rgb', 'flow'):
        options[f'data.test.{stream}.data_root'] = str(tmp_path / 'synthetic')
        few = dict(train_groups=1, test_groups=1, clips_per_group=3)
        options[f'data.test.{stream}.generation'] = few
    cfg = Config.fromfile(str(CONFIGS / 'two_stream_synthetic.py'), options)
    save_checkpoint(
        str(tmp_path / 'both.ckpt'), build_recognizer(cfg.model, 3), meta=dict(modality='RGB+Flow')
    )
    export(
        cfg,
        str(tmp_path / 'both.ckpt'),
        'ONNX',
        str(tmp_path / 'both.onnx'),
        input='float32',
        device='CPU',
    )
    done = run_script(
        'run_infer_310.sh',
        tmp_path / 'both.onnx',
        'synthetic',
        'cpu',
        'joint',
        '--batch-size',
        7,
        '--cfg-options',
        *(f'{key}={value}' for key, value in options.items()),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    expected = Tester(cfg, 'CPU')(str(tmp_path / 'both.ckpt'))
    results = load_results(tmp_path / 'infer_310/synthetic_joint/results.pkl')
    assert results.names == expected.names and len(results.names) == 24
    np.testing.assert_allclose(results.scores, expected.scores, rtol=1e-3, atol=1e-5)
    for name, value in expected.evaluate(DEFAULT).items():
        assert f'{name}: {value:.4f}' in done.stdout


def test_softmax_averaged_over_clips_needs_a_file_a_stream(tmp_path):
    cfg = Config.fromfile(
        str(CONFIGS / 'two_stream_synthetic.py'),
        {
            f'data.test.{stream}.{key}': value
            for stream in ('rgb', 'flow')
            for key, value in (
                ('data_root', str(tmp_path / 'synthetic')),
                ('generation', dict(train_groups=1, test_groups=1, clips_per_group=1)),
            )
        },
    )
    apply_protocol(cfg, 'views')
    with pytest.raises(ConfigError, match='needs one file a stream'):
        write_dataset(cfg, str(tmp_path / 'out'))


# What does not fit


def test_an_edited_file_is_noticed(artefacts, copied):
    path = copied / '00_data/i3d_data_bs3_000004.bin'
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    shutil.rmtree(copied / 'result_Files')
    with pytest.raises(
        DataError, match='i3d_data_bs3_000004.bin is not what preprocess.py wrote: its hash'
    ):
        infer(artefacts['rgb'], str(copied))


def test_a_second_preprocess_does_not_take_an_edited_file_for_its_own(real_root, artefacts, copied):
    path = copied / '00_data/i3d_data_bs3_000001.bin'
    path.write_bytes(path.read_bytes()[:10])
    for manifest in (True, False):
        if not manifest:  # stopped before its end
            (copied / 'manifest.json').unlink()
        write_dataset(config(real_root), str(copied), 3)
        with pytest.raises(
            DataError, match='i3d_data_bs3_000001.bin is not what preprocess.py wrote'
        ):
            shutil.rmtree(copied / 'result_Files', ignore_errors=True)
            infer(artefacts['rgb'], str(copied))


def test_answers_to_other_clips_are_not_kept(artefacts, copied):
    path = copied / 'result_Files/i3d_data_bs3_000001_0.bin'
    before = path.stat().st_mtime_ns
    manifest = json.loads((copied / 'manifest.json').read_text())
    manifest['videos'][0]['name'] = 'another'
    (copied / 'manifest.json').write_text(json.dumps(manifest))
    infer(artefacts['rgb'], str(copied))
    assert path.stat().st_mtime_ns != before


def test_another_list_of_videos_is_another_data_set(real_root, copied):
    cfg = config(real_root)
    other = copied.parent / 'splits'
    shutil.copytree(real_root / 'splits', other)
    lines = (other / 'testlist01.txt').read_text().splitlines()
    (other / 'testlist01.txt').write_text('\n'.join(lines[:3]) + '\n')
    cfg.data.test.split_dir = str(other)
    with pytest.raises(DataError, match='was begun with videos='):
        write_dataset(cfg, str(copied), 3)


def test_the_callers_config_stays_as_it_was(real_root, tmp_path):
    cfg = config(real_root, protocol=None)
    before = cfg.pretty_text
    write_dataset(cfg, str(tmp_path))
    assert cfg.pretty_text == before


def test_classes_in_another_order_are_refused(artefacts, copied):
    manifest = json.loads((copied / 'manifest.json').read_text())
    manifest['classes'] = manifest['classes'][::-1]
    (copied / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(
        ExportError, match="differ in their classes: class 0 is 'Class1' in the one and 'Class2'"
    ):
        infer(artefacts['rgb'], str(copied))


def test_another_artefact_shape_or_device_is_refused(
    real_root, artefacts, checkpoints, written, tmp_path
):
    with pytest.raises(
        ExportError,
        match='takes imgs, uint8 N x 8 x 32 x 32 x 2; .* holds imgs, uint8 N x 8 x 32 x 32 x 3',
    ):
        infer(artefacts['flow'], written['rgb'])
    export(
        config(real_root),
        str(checkpoints / 'rgb.ckpt'),
        'ONNX',
        str(tmp_path / 'long.onnx'),
        clip_len=16,
        device='CPU',
    )
    with pytest.raises(ExportError, match='N x 16 x 32 x 32 x 3; .* N x 8 x 32 x 32 x 3'):
        infer(str(tmp_path / 'long.onnx'), written['rgb'])
    export(
        config(real_root),
        str(checkpoints / 'rgb.ckpt'),
        'ONNX',
        str(tmp_path / 'float.onnx'),
        input='float32',
        device='CPU',
    )
    with pytest.raises(
        ExportError,
        match='takes imgs, float32 N x 3 x 8 x 32 x 32; .* holds imgs, uint8 N x 8 x 32',
    ):
        infer(str(tmp_path / 'float.onnx'), written['rgb'])
    with pytest.raises(DeviceError, match="has no device 'ascend'"):
        infer(artefacts['rgb'], written['rgb'], backend='openvino', device='ascend')


def test_a_model_of_other_classes_is_refused(artefacts, copied):
    manifest = json.loads((copied / 'manifest.json').read_text())
    manifest['num_classes'] = 5
    (copied / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(ExportError, match='rgb.onnx has 2 classes; the data set in .*copy 5'):
        infer(artefacts['rgb'], str(copied))


def test_missing_and_short_answers_are_named(copied):
    path = copied / 'result_Files/i3d_data_bs3_000003_0.bin'
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match='000003_0.bin holds 5 values; 3 clips of 2 classes are 6'):
        score_results(str(copied))
    path.unlink()
    with pytest.raises(
        DataError, match='000003_0.bin is not there: the model has not answered to all 6 files'
    ):
        score_results(str(copied))


def test_labels_that_do_not_fit_are_named(copied):
    path = copied / 'label_bs3.npy'
    labels = np.load(path)
    np.save(path, labels[:-1])
    with pytest.raises(
        DataError, match='label_bs3.npy holds 15 labels; the manifest names 18 clips'
    ):
        score_results(str(copied))
    labels[0, 2] += 1
    np.save(path, labels)
    with pytest.raises(DataError, match='gives clip 2 the label 1, the manifest 0'):
        score_results(str(copied))


def test_a_folder_without_a_manifest_is_named(artefacts, tmp_path, capsys):
    assert main('infer', [artefacts['rgb'], str(tmp_path)]) == 1
    assert 'holds no manifest.json' in capsys.readouterr().err


# The scripts


def run_script(name, *words, folder):
    return subprocess.run(
        ['bash', str(TOOLS / 'deploy' / name), *map(str, words)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(folder),
        timeout=300,
    )


@pytest.fixture(scope='module')
def both_sets(real_root, tmp_path_factory):
    """data/ucf101 and data/hmdb51 with the same four videos."""
    folder = tmp_path_factory.mktemp('both')
    shutil.copytree(real_root, folder / 'data/ucf101')
    shutil.copytree(real_root, folder / 'data/hmdb51')
    splits = folder / 'data/hmdb51/splits'
    shutil.rmtree(splits)
    splits.mkdir()
    for label in (1, 2):
        names = sorted(
            path.name for path in (folder / f'data/hmdb51/videos/Class{label}').iterdir()
        )
        (splits / f'Class{label}_test_split1.txt').write_text(
            ''.join(f'{name} 2 \n' for name in names)
        )
    return folder


def test_one_command_runs_all_four_models_and_both_fusions(both_sets, artefacts, tested):
    words = small('unused', 'data.test')[1:]
    words = [
        word
        for word in words
        if 'data_root' not in word and not word.startswith(('model', 'load', 'freeze'))
    ]
    done = run_script(
        'run_infer_310_all.sh',
        artefacts['rgb'],
        artefacts['flow'],
        artefacts['rgb'],
        artefacts['flow'],
        'cpu',
        '--protocol',
        'uniform',
        '--cfg-options',
        *words,
        folder=both_sets,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    share = np.mean(
        (tested['rgb'].scores + tested['flow'].scores).argmax(1) == tested['rgb'].labels
    )
    rows = [line for line in done.stdout.splitlines() if line.startswith('| RGB + Flow')]
    assert len(rows) == 2 and f'{share:.4f}' in rows[0]
    assert (both_sets / 'infer_310/ucf101.pkl').exists() and (
        both_sets / 'infer_310/hmdb51.pkl'
    ).exists()


@pytest.mark.parametrize(
    'words, message',
    [
        (['a.onnx', 'ucf101', 'cpu', 'audio'], "MODE is rgb, flow or joint; got 'audio'"),
        (
            ['a.onnx', 'ucf101', 'npu', 'rgb'],
            "DEVICE_ID is the number of an Ascend 310, or cpu; got 'npu'",
        ),
        (['a.onnx', 'ucf101', 'cpu', 'rgb'], 'ARTEFACT a.onnx does not exist'),
        (['a.onnx'], ''),
    ],
)
def test_wrong_words_for_the_script_are_told(words, message, tmp_path):
    done = run_script('run_infer_310.sh', *words, folder=tmp_path)
    assert done.returncode in (1, 2) and message in done.stdout + done.stderr
