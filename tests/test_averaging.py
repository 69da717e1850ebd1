"""The average of checkpoints is the mean of their weights."""

import numpy as np
import pytest

from i3dbox.commands import main
from i3dbox.weights.checkpoint import load_checkpoint
from i3dbox.weights.checkpoint_file import write_checkpoint


def checkpoint(path, value, shape=(2, 3), **meta):
    write_checkpoint(
        str(path),
        {'a.weight': np.full(shape, value, np.float32), 'head.dropout.step': np.int32([9])},
        {'momentum': np.ones(3, np.float32)},
        dict(modality='RGB', classes=['x'], step=7, **meta),
    )
    return str(path)


def test_weights_are_averaged_and_the_training_state_is_left_behind(tmp_path, capsys):
    paths = [checkpoint(tmp_path / f'epoch_{n}.ckpt', n) for n in (1, 2, 6)]
    assert main('average_checkpoints', [*paths, str(tmp_path / 'mean.ckpt')]) == 0
    parameters, state, meta = load_checkpoint(tmp_path / 'mean.ckpt')
    assert list(parameters) == ['a.weight'] and not state
    np.testing.assert_array_equal(parameters['a.weight'], np.full((2, 3), 3, np.float32))
    assert meta == dict(
        modality='RGB', classes=['x'], average_of=['epoch_1.ckpt', 'epoch_2.ckpt', 'epoch_6.ckpt']
    )


@pytest.mark.parametrize(
    'change, message',
    [(dict(shape=(3, 3)), 'is of another network, modality or classes'), (dict(other=1), None)],
)
def test_only_checkpoints_of_one_network_can_be_averaged(tmp_path, capsys, change, message):
    paths = [checkpoint(tmp_path / 'a.ckpt', 1), checkpoint(tmp_path / 'b.ckpt', 2, **change)]
    assert main('average_checkpoints', [*paths, str(tmp_path / 'mean.ckpt')]) == (
        1 if message else 0
    )
    assert (message or '') in capsys.readouterr().err


def test_a_forgotten_out_overwrites_no_checkpoint(tmp_path, capsys):
    paths = [checkpoint(tmp_path / f'epoch_{n}.ckpt', n) for n in (1, 2, 6)]
    before = (tmp_path / 'epoch_6.ckpt').read_bytes()
    assert main('average_checkpoints', paths) == 1
    assert 'epoch_6.ckpt, which is there already' in capsys.readouterr().err
    assert (tmp_path / 'epoch_6.ckpt').read_bytes() == before


def test_one_checkpoint_has_no_average(tmp_path, capsys):
    assert (
        main(
            'average_checkpoints', [checkpoint(tmp_path / 'a.ckpt', 1), str(tmp_path / 'mean.ckpt')]
        )
        == 1
    )
    assert 'an average takes at least two checkpoints' in capsys.readouterr().err
