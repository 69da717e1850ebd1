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
from i3dbox.weights import zoo  # noqa: E402
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


def test_finetune_says_how_such_a_network_is_trained():
    with pytest.raises(ConfigError, match="_base_ = 'i3dbox::mc3_18_kinetics400.py'.*load_from"):
        choose_weights(NAME, 'rgb')
    with pytest.raises(ConfigError, match='another network than I3D'):
        choose_weights(NAME, 'flow')
