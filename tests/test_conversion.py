"""Public checkpoints, by PyTorch itself and in TensorFlow's formats, become our parameters; bad
ones are refused.
"""

import collections
import glob
import io
import os
import pickle
import re
import struct
import subprocess
import sys
import zipfile

import mindspore as ms
import numpy as np
import pytest
from flax_writer import flax_pickle
from tensorflow_writer import crc, field, table, tensor_entries, varint, write_tensorflow

from i3dbox.commands import main
from i3dbox.errors import CheckpointError
from i3dbox.models import build_recognizer
from i3dbox.models.i3d_table import parameter_shapes
from i3dbox.weights.checkpoint import load_checkpoint
from i3dbox.weights.checkpoint_file import write_checkpoint
from i3dbox.weights.conversion import convert, to_pytorch
from i3dbox.weights.fitting import fit_weights
from i3dbox.weights.inflation import inflate
from i3dbox.weights.loading import load_weights
from i3dbox.weights.names import SCHEMES, plain_name, scheme
from i3dbox.weights.pytorch_files import read_pytorch, write_pytorch
from i3dbox.weights.tensorflow_files import read_index, read_tensorflow

try:
    import torch
except ImportError:
    torch = None
needs_torch = pytest.mark.skipif(torch is None, reason='PyTorch is not here')


def random_parameters(in_channels=3, num_classes=5, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=shape).astype(np.float32)
        if not name.endswith('variance')
        else rng.uniform(0.5, 1.5, shape).astype(np.float32)
        for name, shape in parameter_shapes(in_channels, num_classes).items()
    }


@pytest.fixture(scope='module')
def parameters():
    return random_parameters()


def named(parameters, naming):
    """Parameters under a public naming, as arrays of its shapes."""
    back = {
        'tensorflow': lambda array: array.transpose(2, 3, 4, 1, 0) if array.ndim == 5 else array
    }
    return {
        theirs: back.get(naming, np.asarray)(parameters[ours])
        for theirs, (ours, _) in scheme(naming).items()
    }


def save_torch(arrays, path, legacy=False, python2=False):
    state = collections.OrderedDict(
        (name, torch.from_numpy(np.array(array))) for name, array in arrays.items()
    )
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    return str(path)


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array, err_msg=name)


# PyTorch


@pytest.mark.slow
@needs_torch
@pytest.mark.parametrize('legacy', [False, True])
@pytest.mark.parametrize('naming', ['pytorch', 'pytorch_hassony2'])
@pytest.mark.parametrize('modality, channels', [('RGB', 3), ('Flow', 2)])
def test_both_namings_in_both_formats_become_ours_and_go_back_bit_for_bit(
    naming, legacy, modality, channels, tmp_path
):
    theirs = named(random_parameters(channels), naming)
    path = save_torch(theirs, tmp_path / 'a.pt', legacy)
    converted = convert(path)
    assert (converted.modality, converted.num_classes, converted.scheme) == (modality, 5, naming)
    assert_equal(converted.parameters, random_parameters(channels))
    write_checkpoint(str(tmp_path / 'a.ckpt'), converted.parameters)
    write_pytorch(
        str(tmp_path / 'back.pt'), to_pytorch(convert(str(tmp_path / 'a.ckpt')).parameters, naming)
    )
    back = torch.load(tmp_path / 'back.pt', weights_only=True)
    assert back.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(back[name].numpy(), array)


@needs_torch
def test_what_we_write_loads_into_a_pytorch_network(parameters, tmp_path):
    from torch_i3d import TorchI3D

    write_checkpoint(str(tmp_path / 'a.ckpt'), parameters)
    assert (
        main(
            'convert_weights', [str(tmp_path / 'a.ckpt'), str(tmp_path / 'a.pt'), '--to', 'pytorch']
        )
        == 0
    )
    missing = TorchI3D(3, 5).load_state_dict(
        torch.load(tmp_path / 'a.pt', weights_only=True), strict=False
    )
    assert not missing.unexpected_keys and all(
        key.endswith('num_batches_tracked') for key in missing.missing_keys
    )


@needs_torch
def test_wrappers_counters_half_precision_and_views_are_understood(parameters, tmp_path):
    state = {
        f'module.{name}': torch.from_numpy(array).contiguous()
        for name, array in named(parameters, 'pytorch').items()
    }
    state['module.Conv3d_1a_7x7.bn.num_batches_tracked'] = torch.tensor(7)
    weight = 'module.Mixed_3b.b1b.conv3d.weight'
    # the same values, other strides
    state[weight] = state[weight].transpose(3, 4).contiguous().transpose(3, 4)
    torch.save({'epoch': 3, 'state_dict': state}, tmp_path / 'wrapped.pt')
    assert_equal(convert(str(tmp_path / 'wrapped.pt')).parameters, parameters)
    for kind in (torch.float16, torch.bfloat16):
        torch.save(
            {name: value.to(kind) for name, value in state.items() if 'tracked' not in name},
            tmp_path / 'half.pt',
        )
        found = convert(str(tmp_path / 'half.pt')).parameters['head.logits.weight']
        expected = torch.from_numpy(parameters['head.logits.weight']).to(kind).float().numpy()
        np.testing.assert_array_equal(found, expected)


@needs_torch
def test_a_file_of_python_2_and_an_old_pytorch_is_read(parameters, tmp_path):
    """Byte strings for keys, _rebuild_tensor without gradients, protocol 2: as PyTorch 0.3 wrote on
    Python 2.
    """
    theirs = named(parameters, 'pytorch')
    text = lambda value: b'U' + bytes([len(value)]) + value.encode()  # noqa: E731
    body = b'\x80\x02ccollections\nOrderedDict\n]\x85R('
    for key, (name, array) in enumerate(theirs.items()):
        numbers = lambda values: b'(' + b''.join(b'J' + struct.pack('<i', v) for v in values) + b't'  # noqa: E731
        body += (
            text(name)
            + b'ctorch._utils\n_rebuild_tensor\n(('
            + text('storage')
            + b'ctorch\nFloatStorage\n'
            + text(str(key))
            + text('cpu')
            + b'J'
            + struct.pack('<i', array.size)
            + b'NtQK\x00'
            + numbers(array.shape)
            + numbers([s // 4 for s in np.ascontiguousarray(array).strides])
            + b'tR'
        )
    body += b'u.'
    file = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, dict(protocol_version=1001, little_endian=True)):
        pickle.dump(value, file, 2)
    file.write(body)
    pickle.dump([str(key) for key in range(len(theirs))], file, 2)
    for array in theirs.values():
        file.write(struct.pack('<q', array.size) + np.ascontiguousarray(array).tobytes())
    (tmp_path / 'old.pt').write_bytes(file.getvalue())
    assert_equal(convert(str(tmp_path / 'old.pt')).parameters, parameters)


class Evil:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('form', ['zip', 'legacy', 'bare'])
@pytest.mark.parametrize(
    'function, args, named_as',
    [
        (os.system, ('touch executed',), 'posix.system'),
        (__import__, ('antigravity',), 'builtins.__import__'),
        (eval, ('open("executed", "w")',), 'builtins.eval'),
        (subprocess.Popen, (['touch', 'executed'],), 'subprocess.Popen'),
        (getattr, (os, 'system'), 'builtins.getattr'),
    ],
)
def test_a_pickle_that_asks_for_more_than_tensors_is_refused_by_name_and_nothing_runs(
    form, function, args, named_as, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if function is getattr:
        args = (collections.OrderedDict, 'fromkeys')
    data = pickle.dumps({'weight': Evil(function, *args)}, 2)
    if form == 'zip':
        with zipfile.ZipFile('evil.pt', 'w') as archive:
            archive.writestr('archive/data.pkl', data)
    else:
        head = (0x1950A86A20F9469CFC6C, 1001, {}) if form == 'legacy' else ()
        (tmp_path / 'evil.pt').write_bytes(
            b''.join(pickle.dumps(value, 2) for value in head) + data
        )
    assert main('convert_weights', ['evil.pt', 'out.ckpt']) == 1
    function_name = named_as.split('.')[1]
    with pytest.raises(
        CheckpointError, match=f'asks for .*{function_name}; only tensors.*nothing was executed'
    ):
        read_pytorch('evil.pt')
    assert os.listdir() == ['evil.pt']


class Module:
    """As pickled as a module of PyTorch's is: an object with attributes."""


def test_a_whole_model_is_refused_with_what_to_save_instead(tmp_path):
    with zipfile.ZipFile(tmp_path / 'model.pt', 'w') as archive:
        archive.writestr('archive/data.pkl', pickle.dumps(Module(), 2))
    with pytest.raises(CheckpointError, match=r'a whole model, .*model[.]state_dict\(\)'):
        read_pytorch(str(tmp_path / 'model.pt'))


def pickled(numbers):
    """A tuple of numbers as protocol 2 pickles it."""
    parts = [
        b'J' + struct.pack('<i', number)
        if abs(number) < 1 << 31
        else b'\x8a\x08' + struct.pack('<q', number)
        for number in numbers
    ]
    return b'(' + b''.join(parts) + b't'


def test_a_zip_bomb_and_huge_tensors_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / 'bomb.pt', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('archive/data.pkl', bytes(200 << 20))
    with pytest.raises(CheckpointError, match='compressed or of another size'):
        read_pytorch(str(tmp_path / 'bomb.pt'))
    for shape, strides in (((1 << 20, 1 << 20), (0, 0)), ((1 << 40,), (1,)), ((-1,), (1,))):
        write_pytorch(str(tmp_path / 'a.pt'), {'a': np.ones(4, np.float32)})
        with zipfile.ZipFile(tmp_path / 'a.pt') as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        entries['archive/data.pkl'] = entries['archive/data.pkl'].replace(
            pickled([4]) + pickled([1]), pickled(shape) + pickled(strides)
        )
        with zipfile.ZipFile(tmp_path / 'a.pt', 'w') as archive:
            for name, data in entries.items():
                archive.writestr(name, data)
        with pytest.raises(CheckpointError, match='larger than its storage|no sensible shape'):
            read_pytorch(str(tmp_path / 'a.pt'))


def test_a_dict_that_holds_itself_a_billion_times_ends_at_once(tmp_path):
    laughs = {}
    for _ in range(60):
        laughs = {'a': laughs, 'b': laughs, 'c': [laughs, laughs]}
    laughs['itself'] = laughs
    head = b''.join(
        pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {}, laughs, [])
    )
    (tmp_path / 'laughs.pt').write_bytes(head)
    with pytest.raises(CheckpointError, match='the same lists over and over'):
        read_pytorch(str(tmp_path / 'laughs.pt'))


def files_to_spoil(parameters, folder):
    small = {name: array for name, array in named(parameters, 'pytorch').items()}
    write_pytorch(str(folder / 'zip.pt'), small)
    if torch is not None:
        save_torch(small, folder / 'legacy.pt', legacy=True)
    write_tensorflow(folder / 'tf', named(parameters, 'tensorflow'))
    write_checkpoint(str(folder / 'own.ckpt'), parameters, meta=dict(modality='RGB'))
    return [
        path
        for path in (
            folder / 'zip.pt',
            folder / 'legacy.pt',
            folder / 'tf.index',
            folder / 'own.ckpt',
            folder / 'tf.data-00000-of-00001',
        )
        if path.exists()
    ]


@pytest.mark.slow
def test_files_cut_at_every_tenth_of_their_length_are_refused_and_nothing_is_written(
    parameters, tmp_path, capsys
):
    for path in files_to_spoil(parameters, tmp_path):
        whole = path.read_bytes()
        for tenth in range(10):
            path.write_bytes(whole[: len(whole) * tenth // 10])
            assert main('convert_weights', [str(path), str(tmp_path / 'out.ckpt')]) == 1, (
                path,
                tenth,
            )
            assert str(path).rsplit('.', 1)[0] in capsys.readouterr().err
        path.write_bytes(whole)
        assert main('convert_weights', [str(path), str(tmp_path / 'out.ckpt')]) == 0
        (tmp_path / 'out.ckpt').unlink()


@pytest.mark.slow
def test_flipped_bits_are_noticed_where_the_format_has_checksums(parameters, tmp_path):
    rng = np.random.default_rng(0)
    for path in files_to_spoil(parameters, tmp_path):
        if path.name == 'legacy.pt':
            continue  # it has none
        whole = path.read_bytes()
        for place in rng.integers(0, len(whole), 6):
            spoilt = bytearray(whole)
            spoilt[place] ^= 1 << rng.integers(8)
            path.write_bytes(spoilt)
            try:
                found = convert(str(path)).parameters
            except CheckpointError:
                continue
            assert_equal(found, parameters)  # the bit was of no account, as padding and dates are
        path.write_bytes(whole)


@needs_torch
@pytest.mark.parametrize(
    'change, message',
    [
        (
            lambda state: state.update(surprise=np.ones(3, np.float32)),
            "1 of 288 names are none of I3D's, the first is 'surprise'",
        ),
        (
            lambda state: state.pop('Mixed_4c.b2a.bn.running_mean'),
            'backbone.Mixed_4c.b2a.bn.moving_mean is missing',
        ),
        (
            lambda state: state.update({'logits.conv3d.bias': np.full(5, np.nan, np.float32)}),
            'NaN or infinity in head.logits.bias',
        ),
        (
            lambda state: state.update({'logits.conv3d.bias': np.ones(5, np.int64)}),
            'is int64; weights are floating-point',
        ),
        (
            lambda state: state.update(
                {'Mixed_3b.b0.conv3d.weight': np.ones((64, 192, 1, 1), np.float32)}
            ),
            r'Mixed_3b.b0.conv3d.weight has the shape \(64, 192, 1, 1\); expected \(64, 192, 1, 1, '
            r'1\)',
        ),
        (
            lambda state: state.update(
                {'Conv3d_1a_7x7.conv3d.weight': np.ones((64, 4, 7, 7, 7), np.float32)}
            ),
            r'expected 3 \(RGB\) or 2',
        ),
        (lambda state: state.clear() or state.update(a=np.ones(2, np.float32)), 'none of I3D'),
    ],
)
def test_what_is_not_i3d_is_told_by_name(change, message, parameters, tmp_path):
    state = named(parameters, 'pytorch')
    change(state)
    path = save_torch(state, tmp_path / 'a.pt')
    with pytest.raises(CheckpointError, match=message):
        convert(path)


@needs_torch
def test_the_wrong_modality_is_refused(parameters, tmp_path):
    path = save_torch(named(parameters, 'pytorch'), tmp_path / 'a.pt')
    with pytest.raises(CheckpointError, match='is a network for RGB, not Flow'):
        convert(path, modality='Flow')


def test_files_that_hold_no_state_dict_are_told(tmp_path):
    (tmp_path / 'a.pt').write_bytes(b'')
    (tmp_path / 'b.pt').write_text('<html>rate limit</html>')
    with zipfile.ZipFile(tmp_path / 'c.pt', 'w') as archive:
        archive.writestr('readme.txt', 'no')
    for name, message in (
        ('a.pt', 'no file of torch.save'),
        ('b.pt', 'no file of torch.save'),
        ('c.pt', 'no data.pkl'),
        ('gone.pt', 'No such file'),
    ):
        with pytest.raises(CheckpointError, match=f'{name}.*{message}'):
            convert(str(tmp_path / name))


# the original MindSpore scripts


@pytest.mark.parametrize('prefixed', [False, True])
def test_checkpoints_of_the_original_scripts_become_ours(prefixed, parameters, tmp_path):
    theirs = {}
    for name, array in named(parameters, 'original').items():
        cell = (
            name.split('.')[0]
            if not name.startswith('Mixed')
            else name.rsplit('_b', 1)[0].split('.')[0][:8]
        )
        theirs[f'{cell}.{name}' if prefixed else name] = array
    ms.save_checkpoint(
        [
            dict(name=name, data=ms.Parameter(ms.Tensor(array), name=name))
            for name, array in theirs.items()
        ],
        str(tmp_path / 'a.ckpt'),
    )
    converted = convert(str(tmp_path / 'a.ckpt'))
    assert converted.scheme == 'original'
    assert_equal(converted.parameters, parameters)


# flax


@pytest.mark.parametrize('protocol', [3, 4, 5])
def test_pickled_variables_of_flax_become_ours(protocol, parameters, tmp_path):
    (tmp_path / 'a.ckpt').write_bytes(flax_pickle(parameters, protocol))
    converted = convert(str(tmp_path / 'a.ckpt'))
    assert (converted.modality, converted.num_classes, converted.scheme) == ('RGB', 5, 'flax')
    expected = {
        name: np.ones_like(array) if name.endswith('gamma') else array
        for name, array in parameters.items()
    }
    assert_equal(converted.parameters, expected)


ONE = np.ones(3, np.float32)
SHARED = {'a': ONE}


@pytest.mark.parametrize(
    'content, message',
    [
        (ONE, "1 of 1 names are none of I3D's, the first is ''"),
        ([ONE], "no nest of named arrays: 'it' is a list"),
        ({'params': {'a': ONE, 'b': 'text'}}, "'params/b' is a str"),
        ({'a': SHARED, 'b': SHARED}, "'a' is a dict that stands twice"),
        ({'params': {'x/y': ONE}}, "the first is 'params/x/y'"),
        (print, 'asks for builtins.print'),
        ({}, 'holds no weights of I3D'),
    ],
)
def test_a_pickle_that_is_no_nest_of_arrays_is_refused(content, message, tmp_path):
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(content, 4))
    with pytest.raises(CheckpointError, match=f'a.pkl: .*{re.escape(message)}') as error:
        convert(str(tmp_path / 'a.pkl'))
    assert '\n' not in str(error.value)


def test_a_nest_without_bottom_is_refused(tmp_path):
    nest = {}
    for _ in range(900):
        nest = {'a': nest}
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(nest, 4))
    with pytest.raises(CheckpointError, match='holds no weights of I3D'):
        convert(str(tmp_path / 'a.pkl'))


# TensorFlow


def test_a_table_whose_entries_share_a_block_is_refused(tmp_path):
    entries, data = tensor_entries({'a': np.ones(2, np.float32)}, scope='')
    (tmp_path / 'a.ckpt.data-00000-of-00001').write_bytes(data)
    (tmp_path / 'a.ckpt.index').write_bytes(table(entries))
    assert list(read_index(str(tmp_path / 'a.ckpt.index'))) == ['a']
    # three entries of the index lead to one block
    handle = varint(0) + varint(8)
    content = b''.join(
        varint(0) + varint(1) + varint(len(handle)) + name + handle for name in (b'a', b'b', b'c')
    )
    content += struct.pack('<II', 0, 1)
    first = struct.pack('<II', 0, 1) + b'\0'
    first += crc(first)
    block = content + b'\0'
    place = len(first)
    footer = varint(0) + varint(8) + varint(place) + varint(len(content))
    footer += bytes(40 - len(footer)) + struct.pack('<Q', 0xDB4775248B80FB57)
    (tmp_path / 'a.ckpt.index').write_bytes(first + block + crc(block) + footer)
    with pytest.raises(CheckpointError, match='its blocks overlap'):
        read_index(str(tmp_path / 'a.ckpt.index'))


@pytest.mark.slow
@pytest.mark.parametrize('compress', [False, True])
@pytest.mark.parametrize('scope', ['RGB/inception_i3d/', ''])
def test_tensorflow_checkpoints_become_ours(compress, scope, parameters, tmp_path):
    theirs = named(parameters, 'tensorflow')
    statistics = {
        name: array.reshape(1, 1, 1, 1, -1) for name, array in theirs.items() if 'moving' in name
    }
    extra = {'Mixed_5b/Branch_2/Conv3d_0a_3x3/conv_3d/w/Momentum': np.zeros(3, np.float32)}
    prefix = write_tensorflow(
        tmp_path / 'model.ckpt', {**theirs, **statistics, **extra}, compress, scope
    )
    expected = {
        name: np.ones_like(array) if name.endswith('gamma') else array
        for name, array in parameters.items()
    }
    for path in (prefix, f'{prefix}.index', f'{prefix}.data-00000-of-00001'):
        converted = convert(path)
        assert (converted.modality, converted.scheme) == ('RGB', 'tensorflow')
        assert_equal(converted.parameters, expected)


def test_snappys_copies_are_expanded():
    from i3dbox.weights.tensorflow_files import _snappy

    copies = bytes([(4 - 4) << 2 | 1, 3]) + bytes([(4 - 1) << 2 | 2, 2, 0])
    assert _snappy(varint(11) + bytes([2 << 2]) + b'abc' + copies) == b'abcabcacaca'
    long = bytes(range(256)) * 2
    assert _snappy(varint(512) + bytes([61 << 2]) + struct.pack('<H', 511) + long) == long
    with pytest.raises(ValueError, match='compressed block'):
        _snappy(varint(8) + bytes([0, 65, 4 << 2 | 1, 9]))


@pytest.mark.parametrize(
    'name, classes',
    [
        ('rgb_imagenet', 400),
        ('flow_imagenet', 400),
        ('rgb_scratch', 400),
        ('flow_scratch', 400),
        ('rgb_scratch_kin600', 600),
    ],
)
def test_the_authors_indexes_list_every_parameter_with_its_shape(shared_data, name, classes):
    tensors = read_index(str(shared_data / f'tf_index/{name}.index'))
    known, channels = scheme('tensorflow'), 2 if name.startswith('flow') else 3
    shapes = parameter_shapes(channels, classes)
    found = {}
    for theirs, tensor in tensors.items():
        plain = plain_name(theirs, known)
        if theirs.endswith('/Momentum'):
            continue
        ours, function = known[plain]
        assert function(np.broadcast_to(np.float32(0), tensor.shape)).shape == shapes[ours]
        found[ours] = tensor
    assert set(found) == {ours for ours in shapes if not ours.endswith('gamma')}
    assert found['backbone.Mixed_5b.b2b.conv3d.weight'].shape == (3, 3, 3, 32, 128)


@pytest.mark.slow
def test_a_whole_checkpoint_of_a_real_index_gives_the_right_logits(shared_data, tmp_path):
    """The data file is made to fit: every value follows from its place, and the index gets its
    checksums.
    """
    index = (shared_data / 'tf_index/rgb_imagenet.index').read_bytes()
    tensors = read_index(str(shared_data / 'tf_index/rgb_imagenet.index'))
    known, rng = scheme('tensorflow'), np.random.default_rng(0)
    data, arrays = bytearray(max(t.offset + t.size for t in tensors.values())), {}
    for name, tensor in tensors.items():
        is_kernel = len(tensor.shape) == 5 and name.endswith('/w')
        scale = 0.5 / np.sqrt(max(1, np.prod(tensor.shape[:-1]))) if is_kernel else 0.1
        array = rng.normal(0, scale, tensor.shape).astype(np.float32) + np.float32(
            name.endswith('variance')
        )
        array = np.abs(array) if name.endswith('variance') else array
        data[tensor.offset : tensor.offset + tensor.size] = array.tobytes()
        arrays[name] = array
    (tmp_path / 'model.ckpt.data-00000-of-00001').write_bytes(data)
    (tmp_path / 'model.ckpt.index').write_bytes(index)
    with pytest.raises(CheckpointError, match='checksum of .* is wrong'):  # those of the real data
        convert(str(tmp_path / 'model.ckpt'))
    entries = [(b'', field(1, 1))] + [
        (
            name.encode(),
            field(1, 1)
            + field(2, b''.join(field(2, field(1, size)) for size in t.shape))
            + field(4, t.offset)
            + field(5, t.size)
            + varint(6 << 3 | 5)
            + crc(arrays[name].tobytes()),
        )
        for name, t in sorted(tensors.items())
    ]
    (tmp_path / 'model.ckpt.index').write_bytes(table(entries))
    assert (
        main(
            'convert_weights',
            [str(tmp_path / 'model.ckpt'), str(tmp_path / 'a.ckpt'), '--modality', 'RGB'],
        )
        == 0
    )
    recognizer = build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=400),
        )
    )
    load_weights(recognizer, str(tmp_path / 'a.ckpt'), new_head='never')
    clip = rng.integers(0, 256, (1, 1, 8, 32, 32, 3), np.uint8)
    import numpy_i3d

    ours = {
        known[plain_name(name, known)][0]: known[plain_name(name, known)][1](array)
        for name, array in arrays.items()
    }
    ours.update(
        {
            name: np.ones(shape, np.float32)
            for name, shape in parameter_shapes(3, 400).items()
            if 'gamma' in name
        }
    )
    expected = numpy_i3d.endpoints(clip[:, 0].astype(np.float32) / 127.5 - 1, ours)['logits']
    logits = recognizer(ms.Tensor(clip)).asnumpy()
    assert np.abs(logits - expected).max() < 1e-4 * np.abs(expected).max()


def test_missing_data_files_are_named(parameters, tmp_path):
    prefix = write_tensorflow(tmp_path / 'model.ckpt', named(parameters, 'tensorflow'))
    os.remove(f'{prefix}.data-00000-of-00001')
    with pytest.raises(
        CheckpointError, match='model.ckpt.data-00000-of-...: there is no such file'
    ):
        read_tensorflow(prefix)


# inflation


def flat(weight):
    """The 2D filter that inflates to ones like `weight`'s."""
    return weight[:, :, weight.shape[2] // 2]


def googlenet(parameters):
    from i3dbox.weights.inflation import torchvision_names

    state = {
        theirs: flat(parameters[ours]) if ours.endswith('weight') else parameters[ours]
        for theirs, (ours, _) in torchvision_names().items()
    }
    return {
        **state,
        'fc.weight': np.ones((1000, 1024), np.float32),
        'fc.bias': np.ones(1000, np.float32),
        'aux1.conv.conv.weight': np.ones((128, 512, 1, 1), np.float32),
    }


def test_inflated_filters_give_a_still_video_what_the_image_gave():
    weight = np.random.default_rng(0).normal(size=(2, 3, 5, 5)).astype(np.float32)
    inflated = inflate(weight)
    assert inflated.shape == (2, 3, 5, 5, 5)
    np.testing.assert_allclose(inflated.sum(2), weight, rtol=1e-5)
    assert (inflated == inflated[:, :, :1]).all()


@pytest.mark.parametrize('modality', ['RGB', 'Flow'])
def test_torchvisions_googlenet_is_inflated(modality, parameters, tmp_path):
    write_pytorch(str(tmp_path / 'g.pt'), googlenet(parameters))
    words = [str(tmp_path / 'g.pt'), str(tmp_path / 'a.ckpt'), '--inflate', '--modality', modality]
    assert main('convert_weights', words) == 0
    found = load_checkpoint(str(tmp_path / 'a.ckpt'))[0]
    weight = parameters['backbone.Mixed_4c.b1b.conv3d.weight']
    np.testing.assert_array_equal(
        found['backbone.Mixed_4c.b1b.conv3d.weight'], inflate(flat(weight))
    )
    np.testing.assert_array_equal(
        found['backbone.Mixed_5c.b3b.bn.gamma'], parameters['backbone.Mixed_5c.b3b.bn.gamma']
    )
    stem = inflate(flat(parameters['backbone.Conv3d_1a_7x7.conv3d.weight']))
    if modality == 'Flow':
        stem = np.repeat(stem.mean(1, keepdims=True), 2, axis=1)
    np.testing.assert_allclose(
        found['backbone.Conv3d_1a_7x7.conv3d.weight'], stem, rtol=1e-5, atol=1e-7
    )
    recognizer = build_recognizer(
        dict(
            type='Recognizer3D',
            modality=modality,
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=9),
        )
    )
    (report,) = load_weights(recognizer, str(tmp_path / 'a.ckpt'))
    assert report.new_head and len(report.matched) == 57 * 5
    with pytest.raises(CheckpointError, match='has no head; it is for fine-tuning'):
        load_weights(recognizer, str(tmp_path / 'a.ckpt'), new_head='never')


def slim(parameters):
    from i3dbox.weights.inflation import slim_names

    arrays = {
        theirs: flat(parameters[ours]).transpose(2, 3, 1, 0)
        if ours.endswith('weight')
        else parameters[ours]
        for theirs, (ours, _) in slim_names().items()
    }
    arrays = {f'InceptionV1/InceptionV1/{name}': array for name, array in arrays.items()}
    return {
        **arrays,
        'InceptionV1/Logits/Conv2d_0c_1x1/weights': np.ones((1, 1, 1024, 1001), np.float32),
    }


@pytest.mark.parametrize('version', [1, 2])
def test_slims_inception_v1_is_inflated_from_both_formats(version, parameters, tmp_path):
    arrays = slim(parameters)
    if version == 2:
        path = write_tensorflow(tmp_path / 'inception_v1.ckpt', arrays, scope='')
    else:
        path = str(tmp_path / 'inception_v1.ckpt')
        entries = [(b'', field(1, b''))]
        for name, array in sorted(arrays.items()):
            shape = b''.join(field(2, field(1, size)) for size in array.shape)
            tensor = (
                field(1, 1)
                + field(2, shape)
                + field(5, np.ascontiguousarray(array, '<f4').tobytes())
            )
            whole = b''.join(field(1, b'') for _ in array.shape)
            value = field(2, field(1, name.encode()) + field(2, whole) + field(3, tensor))
            entries.append((b'\0' + name.encode(), value))
        open(path, 'wb').write(table(entries))
    converted = convert(path, inflate=True)
    assert (converted.scheme, converted.num_classes) == ('slim', None)
    expected = inflate(flat(parameters['backbone.Mixed_5b.b2b.conv3d.weight']))
    np.testing.assert_array_equal(
        converted.parameters['backbone.Mixed_5b.b2b.conv3d.weight'], expected
    )
    assert (converted.parameters['backbone.Mixed_5b.b2b.bn.gamma'] == 1).all()


# our own files


def test_mindspore_reads_what_we_write(parameters, tmp_path):
    arrays = {
        **parameters,
        'half': np.ones(3, np.float16),
        'count': np.array(7, np.int32),
        'yes': np.array([True]),
    }
    write_checkpoint(str(tmp_path / 'a.ckpt'), arrays, meta=dict(note='é'))
    loaded = ms.load_checkpoint(str(tmp_path / 'a.ckpt'), crc_check=True)
    for name, array in arrays.items():
        value = loaded[name].asnumpy()
        assert value.dtype == array.dtype and value.shape == array.shape
        np.testing.assert_array_equal(value, array)
    assert load_checkpoint(str(tmp_path / 'a.ckpt'))[2] == dict(note='é')


def test_every_scheme_names_every_parameter_once():
    for naming in SCHEMES:
        names = [ours for ours, _ in scheme(naming).values()]
        expected = [
            name
            for name in parameter_shapes(3, 1)
            if naming not in ('tensorflow', 'flax') or not name.endswith('gamma')
        ]
        assert sorted(names) == sorted(expected)


def test_converting_takes_little_memory_and_no_mindspore(parameters, tmp_path):
    write_pytorch(str(tmp_path / 'a.pt'), named(random_parameters(num_classes=400), 'pytorch'))
    program = (
        'import sys; from i3dbox.commands import main; main("convert_weights", '
        f'[{str(tmp_path / "a.pt")!r}, {str(tmp_path / "a.ckpt")!r}]); print("mindspore" in '
        'sys.modules, open("/proc/self/status").read().split("VmHWM:")[1].split()[0])'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    imported, memory = done.stdout.split()[-2:]
    assert os.path.getsize(tmp_path / 'a.pt') > 50e6
    assert imported == 'False' and int(memory) < 300 << 10  # KiB


def test_a_resnet_of_images_is_inflated_where_it_is_loaded(tmp_path):
    names = ('conv1.weight', 'bn1.weight', 'layer1.0.conv1.weight')
    write_pytorch(str(tmp_path / 'a.pt'), {name: np.zeros((2, 2), np.float32) for name in names})
    with pytest.raises(CheckpointError, match="a 2D ResNet's: load_from takes them as they are"):
        convert(str(tmp_path / 'a.pt'), inflate=True)


def test_weights_of_another_network_are_told_whose_names_they_may_have_in_pytorch(tmp_path, capsys):
    names = {name: (4, 3, 1, 7, 7) for name in ('backbone.conv1.conv.weight', 'head.logits.weight')}
    arrays = {name: np.ones(shape, 'f4') for name, shape in names.items()}
    arrays['backbone.conv1.bn.gamma'] = np.ones(4, 'f4')
    write_checkpoint(str(tmp_path / 'r3d.ckpt'), arrays)
    words = [str(tmp_path / 'r3d.ckpt'), str(tmp_path / 'back.pth'), '--to', 'pytorch']
    assert main('convert_weights', words) == 1
    assert 'Other networks go --to torchvision or mmaction2' in capsys.readouterr().err


def test_whose_names_a_file_has_is_told_where_it_does_not_fit(tmp_path):
    names = ('features.0.0.0.weight', 'features.0.0.1.weight', 'classifier.1.weight')
    arrays = {name: np.ones((4, 3, 1, 7, 7), 'f4') for name in names}
    write_pytorch(str(tmp_path / 's3d.pth'), arrays)
    with pytest.raises(CheckpointError, match="[.] Its names are those of torchvision's s3d"):
        fit_weights(str(tmp_path / 's3d.pth'), {'backbone.conv1.conv.weight': (4,)}, 'RGB')


def test_a_destination_of_another_kind_is_refused_before_the_work(tmp_path, capsys):
    assert main('convert_weights', [str(tmp_path / 'gone.pt'), str(tmp_path / 'a.pth')]) == 1
    said = capsys.readouterr().err
    assert 'DST ends in .ckpt' in said and '--to pytorch writes one for PyTorch' in said
    assert not glob.glob(str(tmp_path / '*'))
