"""Networks of the zoo other than plain I3D: by their name alone they answer and are scored."""

import hashlib
import os

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from test_resnet3d import NETWORKS  # noqa: E402
from torch_resnet3d import TorchResNet3d, randomized  # noqa: E402
from videos import moving_frames, write_video  # noqa: E402

from i3dbox.apis import init_recognizer  # noqa: E402
from i3dbox.apis.finetune import prepare  # noqa: E402
from i3dbox.commands import main  # noqa: E402
from i3dbox.config import Config  # noqa: E402
from i3dbox.config.shipped import find_config  # noqa: E402
from i3dbox.config_checks.checks import check_training  # noqa: E402
from i3dbox.errors import CheckpointError, ConfigError, ModelError, RegistryError  # noqa: E402
from i3dbox.inference.model_spec import zoo_names  # noqa: E402
from i3dbox.registry import HEADS  # noqa: E402
from i3dbox.weights import zoo  # noqa: E402
from i3dbox.weights.checkpoint import load_checkpoint  # noqa: E402
from i3dbox.weights.conversion import convert  # noqa: E402
from i3dbox.weights.zoo_index import ENTRIES, File  # noqa: E402

NAME = 'mc3_18_kinetics400'
OTHERS = [name for name, entry in ENTRIES.items() if entry.config]


@pytest.fixture(scope='module')
def theirs():
    return randomized(TorchResNet3d(classes=400, **NETWORKS['mc3_18'][1]))


@pytest.fixture
def published(theirs, tmp_path, monkeypatch):
    """Where the network's file lies, as if it were the makers' host."""
    torch.save(theirs.state_dict(), tmp_path / 'a.pth')
    digest = hashlib.sha256((tmp_path / 'a.pth').read_bytes()).hexdigest()
    file = File('/a.pth', f'sha256:{digest[:8]}', 'a.pth')
    monkeypatch.setitem(ENTRIES, NAME, ENTRIES[NAME]._replace(files=(file,)))
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path / 'cache'))

    def download(urls, path, integrity):
        assert urls == ['https://download.pytorch.org/a.pth'] and integrity == file.integrity
        (tmp_path / 'a.pth').rename(path)

    monkeypatch.setattr('i3dbox.downloads.transfer.download', download)


@pytest.mark.slow
def test_by_its_name_a_network_answers_as_pytorchs_does(published, theirs, tmp_path, capsys):
    video = str(write_video(tmp_path / 'a.avi', moving_frames(20, 48, 40), fps=15))
    assert main('demo', [video, '--model', NAME, '--out', str(tmp_path / 'a.json')]) == 0
    assert NAME in capsys.readouterr().out
    recognizer = init_recognizer(NAME)
    assert recognizer.classes == zoo.class_names('kinetics400')
    clip = np.random.default_rng(0).integers(0, 256, (1, 16, 112, 112, 3), np.uint8)
    found = recognizer.score(dict(rgb=clip))
    mean, std = (
        np.array(v, np.float32)
        for v in ([110.2008, 100.6398, 95.99475], [58.14765, 56.46975, 55.332195])
    )
    x = torch.from_numpy(((clip - mean) / std).transpose(0, 4, 1, 2, 3).astype(np.float32))
    with torch.no_grad():
        expected = theirs(x)['logits'].log_softmax(1).numpy()[0]
    scores = found['rgb'] if isinstance(found, dict) else found
    np.testing.assert_allclose(np.ravel(scores), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize('name', OTHERS)
def test_the_config_of_an_entry_has_its_classes(name):
    cfg = Config.fromfile(find_config(ENTRIES[name].config))
    assert cfg.model.head.num_classes == ENTRIES[name].num_classes


def test_a_name_that_does_not_say_its_stream_is_of_one():
    assert zoo_names(NAME) == zoo_names(NAME, 'rgb') == dict(rgb=NAME)
    with pytest.raises(ConfigError, match='of rgb alone; --stream says flow'):
        zoo_names(NAME, 'flow')
    with pytest.raises(CheckpointError, match='Did you mean .mc3_18_kinetics400'):
        zoo_names('mc3_18_kinetic400')


# fine-tuning


@pytest.fixture
def videos(tmp_path):
    """A folder of two classes, three videos each."""
    root = tmp_path / 'videos'
    for label, name in enumerate(('clap', 'wave')):
        (root / name).mkdir(parents=True)
        for i in range(3):
            write_video(root / name / f'{i}.avi', moving_frames(20, 40, 48, seed=10 * label + i))
    return str(root)


@pytest.fixture
def other_file(theirs, tmp_path):
    """The network's file, as PyTorch has it."""
    torch.save(theirs.state_dict(), tmp_path / 'other.pth')
    return str(tmp_path / 'other.pth')


def planned(videos, tmp_path, **arguments):
    """The plan of small clips, and its configs by stream."""
    plan = prepare(videos, work_dir=str(tmp_path / 'run'), clip_len=8, size=32, **arguments)
    return plan, {name: Config.fromfile(path) for name, path in plan.configs.items()}


@pytest.mark.slow
def test_a_name_of_the_zoo_is_fine_tuned_with_its_own_network_and_clips(
    published, videos, tmp_path
):
    plan, configs = planned(videos, tmp_path, model=NAME, stream='joint')
    colours, flow = configs.values()
    assert [os.path.basename(path) for path in plan.configs.values()] == ['rgb.py', 'flow.py']
    recipe = Config.fromfile(find_config(NAME))
    assert colours.model == dict(
        recipe.model, modality='RGB', head=dict(recipe.model.head, num_classes=2)
    )
    assert 'data_preprocessor' not in flow.model and flow.model.modality == 'Flow'
    for part in (colours.data.train, flow.data.val, flow.data.test):
        assert (part.pipeline[1].clip_len, part.pipeline[1].frame_interval) == (8, 2)
    assert colours.data.test.pipeline[1].mode == 'uniform'
    assert colours.freeze == dict(finetune_prefixes=['head', 'layer4'], freeze_norm=True)
    assert (
        colours.frozen_views == 4
        and 'the head and layer4 train' in open(plan.configs['rgb']).read()
    )
    assert colours.load_from == f'zoo://{NAME}'
    assert flow.load_from == dict(type='cross_modality', checkpoint=f'zoo://{NAME}')
    joint = Config.fromfile(plan.test_config).model
    assert (joint.rgb, joint.flow) == (colours.model, flow.model)


@pytest.mark.slow
def test_the_other_stream_is_of_the_network_of_the_first(other_file, videos, tmp_path):
    planned(videos, tmp_path, model=other_file, config=NAME)
    again = prepare(videos, work_dir=str(tmp_path / 'run'))
    assert list(again.configs) == ['rgb']
    flow = prepare(videos, stream='flow', work_dir=str(tmp_path / 'run')).configs['flow']
    cfg = Config.fromfile(flow)
    assert cfg.model.backbone.type == 'ResNet3d' and cfg.data.train.pipeline[1].clip_len == 8
    assert cfg.load_from == dict(type='cross_modality', checkpoint=other_file)
    with pytest.raises(ConfigError, match='has .*other.pth as its model; now it is zoo://mc3'):
        prepare(videos, NAME, work_dir=str(tmp_path / 'run'))


@pytest.mark.slow
@pytest.mark.parametrize(
    'arguments, error, message',
    [
        (dict(model='other.pth'), CheckpointError, 'does not fit.*go with --config'),
        (dict(config='i3d_r50_32x2_kinetics400', model='other.pth'), CheckpointError, 'not fit'),
        (dict(config='mine.py'), ConfigError, '--model names its weights, or none'),
        (dict(config='c3d_16x1_ucf101', model='none'), ModelError, 'C3D takes clips of 16 frames'),
        (dict(config='no_such'), ConfigError, "config 'no_such' is neither a file nor shipped"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_is_written(
    other_file, videos, tmp_path, monkeypatch, arguments, error, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mine.py').write_text(f"_base_ = 'i3dbox::{NAME}.py'\n")
    with pytest.raises(error, match=message):
        planned(videos, tmp_path, **arguments)
    assert not (tmp_path / 'run').exists()


@pytest.mark.slow
def test_one_command_trains_tests_and_reports_another_network(other_file, videos, tmp_path, capsys):
    words = [videos, '--config', NAME, '--model', other_file, '--work-dir', str(tmp_path / 'run')]
    assert main('finetune', [*words, '--clip-len', '8', '--size', '32', '--epochs', '2']) == 0
    said = capsys.readouterr().out
    assert 'the layers up to layer3 are frozen: computed once, for 2 views of 4 samples' in said
    assert '7 of 62 parameters train' in said and '2 videos' in said
    trained = load_checkpoint(str(tmp_path / 'run/rgb/epoch_2.ckpt'))[0]
    start = convert(other_file).parameters
    moved = {name.split('.')[1] for name in start if not np.array_equal(start[name], trained[name])}
    assert moved == {'layer4', 'logits'}
    checkpoint = str(tmp_path / 'run/rgb/epoch_2.ckpt')
    recognizer = init_recognizer(str(tmp_path / 'run/rgb.py'), checkpoint)
    assert recognizer.classes == ['clap', 'wave']
    assert (tmp_path / 'run/report/report.html').exists()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ("data.train.pipeline = 'nothing'", 'pipeline is a list of steps, dicts .*; got nothing'),
        ("data.train.pipeline = ['a', 3]", 'pipeline is a list of steps'),
        ("data.train.pipeline[1].frame_interval = '2'", "frame_interval .* from 1 on; got '2'"),
        ('data.train.pipeline[1].clip_len = -4', 'clip_len of .* from 1 on; got -4'),
        ('data.train.pipeline[5].scale = []', 'says no size of its clips: name --size'),
    ],
)
def test_a_config_whose_clips_cannot_be_is_refused(videos, tmp_path, change, message):
    (tmp_path / 'mine.py').write_text(f"_base_ = 'i3dbox::{NAME}.py'\n")
    cfg = Config.fromfile(str(tmp_path / 'mine.py'))
    exec(f'cfg.{change}', dict(cfg=cfg))
    cfg.dump(str(tmp_path / 'mine.py'))
    with pytest.raises(ConfigError, match=message):
        prepare(videos, 'none', work_dir=str(tmp_path / 'run'), config=str(tmp_path / 'mine.py'))
    assert not (tmp_path / 'run').exists()


@pytest.mark.slow
def test_another_network_in_a_work_dir_of_before_is_refused(videos, tmp_path):
    planned(videos, tmp_path, model='none', config=NAME)
    planned(videos, tmp_path, model='none', config=NAME)
    with pytest.raises(ConfigError, match='has .*ResNet3d.* as its network; now it is .*S3D'):
        planned(videos, tmp_path, model='none', config='s3d_kinetics400')


def test_a_head_of_ones_own_gets_its_channels_from_the_backbone(tmp_path):
    class OwnHead:
        def __init__(self, in_channels, num_classes):
            """Takes what Recognizer3D gives."""

    HEADS.register(OwnHead)
    cfg = Config.fromfile(find_config(NAME))
    cfg.model.head = dict(type='OwnHead', num_classes=3)
    check_training(cfg)
    cfg.model.head = dict(type='OwnHead')
    with pytest.raises(RegistryError, match="OwnHead needs the argument 'num_classes'"):
        check_training(cfg)
