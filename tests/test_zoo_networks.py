"""Networks of the zoo other than plain I3D: by their name alone they answer and are scored."""

import hashlib

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from test_resnet3d import NETWORKS  # noqa: E402
from torch_resnet3d import TorchResNet3d, randomized  # noqa: E402
from videos import moving_frames, write_video  # noqa: E402

from i3dbox.apis import init_recognizer  # noqa: E402
from i3dbox.apis.finetune import choose_weights  # noqa: E402
from i3dbox.commands import main  # noqa: E402
from i3dbox.config import Config  # noqa: E402
from i3dbox.config.shipped import find_config  # noqa: E402
from i3dbox.errors import CheckpointError, ConfigError  # noqa: E402
from i3dbox.inference.model_spec import zoo_names  # noqa: E402
from i3dbox.models import build_recognizer  # noqa: E402
from i3dbox.weights import zoo  # noqa: E402
from i3dbox.weights.zoo_index import ENTRIES, File  # noqa: E402

NAME = 'mc3_18_kinetics400'
OTHERS = [name for name, entry in ENTRIES.items() if entry.config]
# with 400 classes, as mmaction2 and torchvision count them
PARAMETERS = dict(
    slowonly_r50_8x8_kinetics400=32_454_096,
    slowfast_r50_4x16_kinetics400=34_479_288,
    slowfast_r50_8x8_kinetics400=34_565_560,
    i3d_r50_32x2_kinetics400=28_043_472,
    i3d_nl_r50_32x2_kinetics400=35_397_840,
    r2plus1d_r34_8x8_kinetics400=63_759_281,
    ircsn_r50_32x2_kinetics400=13_131_152,
    ircsn_r152_32x2_kinetics400=29_703_568,
    r3d_18_kinetics400=33_371_472,
    mc3_18_kinetics400=11_695_440,
    r2plus1d_18_kinetics400=31_505_325,
    s3d_kinetics400=8_320_048,
    c3d_16x1_ucf101=78_409_573,
)


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


@pytest.mark.slow
@pytest.mark.parametrize('name', OTHERS)
def test_the_network_of_an_entry_has_as_many_parameters_as_published(name):
    cfg = Config.fromfile(find_config(name))
    if name in PARAMETERS:
        network = build_recognizer(cfg.model)
        assert sum(p.size for p in network.trainable_params()) == PARAMETERS[name]
    assert cfg.model.head.num_classes == ENTRIES[name].num_classes


def test_a_name_that_does_not_say_its_stream_is_of_one():
    assert zoo_names(NAME) == zoo_names(NAME, 'rgb') == dict(rgb=NAME)
    with pytest.raises(ConfigError, match='of rgb alone; --stream says flow'):
        zoo_names(NAME, 'flow')
    with pytest.raises(CheckpointError, match='Did you mean .mc3_18_kinetics400'):
        zoo_names('mc3_18_kinetic400')


def test_finetune_says_how_such_a_network_is_trained():
    with pytest.raises(ConfigError, match="_base_ = 'i3dbox::mc3_18_kinetics400.py'.*load_from"):
        choose_weights(NAME, 'rgb')
