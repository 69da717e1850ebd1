"""Pickles build plain values and arrays, and nothing that a stranger would like them to."""

import collections
import io
import pickle
import struct
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from i3dbox.errors import CheckpointError, ConfigError
from i3dbox.evaluation.results import load_results
from i3dbox.plain_pickle import NUMPY, load, ordered_dict
from i3dbox.weights.pytorch_files import read_pytorch, write_pytorch

VALUES = {
    'text': ['a', 'ä\n', '', 'x' * 300],
    'numbers': [0, -1, 255, 1 << 31, -(1 << 70), 0.5, float('inf'), True, None],
    'bytes': b'\x00' * 300,
    'nested': {'a': ({'b': []},), 3: ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4))},
}
ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(4, dtype='>i2'),
    np.array([True, False]),
    np.zeros((0, 5), np.uint8),
    np.array(3.5),
]


def read(data, table=NUMPY):
    return load(io.BytesIO(data), table)


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_plain_values_and_arrays_come_back(protocol):
    values = {key: value for key, value in VALUES.items() if protocol > 2 or key != 'bytes'}
    assert read(pickle.dumps(values, protocol)) == values
    if protocol == 2:  # in which NumPy asks for Python's codecs
        return
    twice = [*ARRAYS, ARRAYS[0]]
    for found, array in zip(read(pickle.dumps(twice, protocol)), twice):
        assert found.dtype.newbyteorder('=') == array.dtype.newbyteorder('=')
        assert found.shape == array.shape
        np.testing.assert_array_equal(found, array)
    assert read(pickle.dumps(np.float32(0.5), protocol)) == 0.5


def test_the_file_is_left_after_the_pickle():
    file = io.BytesIO(pickle.dumps([1]) + pickle.dumps({'a': 2}) + b'rest')
    assert (load(file, {}), load(file, {}), file.read()) == ([1], {'a': 2}, b'rest')


def test_an_ordered_dict_is_a_dict_and_loses_its_attributes():
    value = collections.OrderedDict(a=1)
    value._metadata = {'version': 1}
    found = read(pickle.dumps(value, 2), {('collections', 'OrderedDict'): ordered_dict})
    assert found == {'a': 1} and type(found) is dict


class Calls:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def state_of(array, **changes):
    """The pickle of an array, with parts of its state changed."""
    state = dict(zip(('version', 'shape', 'dtype', 'fortran', 'data'), array.__reduce__()[2]))
    state.update(changes)

    class Changed:
        def __reduce__(self):
            return (*array.__reduce__()[:2], tuple(state.values()))

    return pickle.dumps(Changed(), 4)


F2PY = b"""cnumpy.f2py.__main__
dtype
.
"""
# a dict whose key is a tuple of twice a tuple, and so on: Python would hash it for ever
NEST = b'\x80\x04})\x94' + b''.join(b'h%ch%c\x86\x94' % (k, k) for k in range(60)) + b'N' + b's.'


@pytest.mark.parametrize(
    'data, reason',
    [
        (F2PY, 'it asks for numpy.f2py.__main__.dtype'),
        (b'cnumpy\nf2py\n.', 'it asks for numpy.f2py'),
        (pickle.dumps(Calls(print, 'run'), 2), 'it asks for __builtin__.print'),
        (pickle.dumps(Calls(eval, '1'), 4), 'it asks for builtins.eval'),
        (b'\x80\x02Nr\xff\xff\xff\x03.', 'sizes beyond its own'),
        (b'\x80\x04\x95' + (1 << 40).to_bytes(8, 'little') + b'N.', 'sizes beyond its own'),
        (b'\x80\x04\x8e' + (1 << 40).to_bytes(8, 'little') + b'N.', 'expected 1099511627776 bytes'),
        (b'\x80\x02(I5\n.', 'it has the opcode INT'),
        (b'\x80\x02\x82\x01.', 'it has the opcode EXT1'),
        (b'(S"print"\nios\nsystem\n.', 'it has the opcode'),
        (NEST, 'the same lists over and over'),
        (pickle.dumps({(1, 2): 3}, 4), 'keys that are no text'),
        (pickle.dumps(set(), 4), 'it has the opcode EMPTY_SET'),
        (pickle.dumps(np.array([{}]), 4), "it holds an array of 'O8'"),
        (pickle.dumps(np.array(['a']), 4), "it holds an array of 'U1'"),
        (pickle.dumps(np.zeros(2, [('a', 'i4')]), 4), "it holds an array of 'V4'"),
        (pickle.dumps(np.zeros(2, 'c16'), 4), "it holds an array of 'c16'"),
        (state_of(np.zeros(3), shape=(1 << 40,)), 'is not .* of its values'),
        (state_of(np.zeros(3), shape=(-3,)), 'is not .* of its values'),
        (state_of(np.zeros(3), data=b'1'), 'is not .* of its values'),
        (b'\x80\x04]\x94}b.', 'it sets attributes of a list'),
        (b'\x80\x02K\x01Q.', 'it refers to something outside it'),
        (b'\x80\x04]', 'exhausted before seeing STOP'),
        (b'', 'exhausted before seeing STOP'),
    ],
)
def test_what_is_no_plain_value_is_refused_before_it_is_built(data, reason, tmp_path):
    tracemalloc.start()
    with pytest.raises((pickle.UnpicklingError, ValueError, EOFError), match=reason):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert 'numpy.f2py.__main__' not in sys.modules
    for name, reader, error in (
        ('a.pkl', load_results, ConfigError),
        ('a.pt', read_pytorch, CheckpointError),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(error, match=name):
            reader(str(tmp_path / name))


def shared_buffer(times):
    """A pickle (protocol 5) of a list of arrays that are all made of one buffer."""
    array = np.zeros(5000, np.uint8)
    one = pickle.dumps(array, 5)
    start = one.index(b'\x8c')  # the name of NumPy's function
    made = one[start:-1]
    values = made.index(b'\x96') if b'\x96' in made else made.index(b'B')
    size = 9 if b'\x96' in made else 5
    end = values + size + 5000 + 1  # the buffer, and that it is remembered
    function, rest = made[:values], made[end:]
    number = made[:values].count(b'\x94')
    again = function + b'h' + bytes([number]) + rest
    return b'\x80\x05](' + made + again * (times - 1) + b'e.'


def test_arrays_that_share_a_buffer_do_not_take_more_than_the_pickle_holds():
    with pytest.raises(pickle.UnpicklingError, match='its arrays take more than it holds'):
        read(shared_buffer(50))
    assert len(read(pickle.dumps([np.zeros(5000, np.uint8)] * 3, 5))) == 3


@pytest.mark.parametrize('kind', [list, tuple, dict])
def test_lists_in_lists_that_are_one_are_refused(kind):
    nest = [0.0] * 10
    for _ in range(9):
        nest = {str(number): nest for number in range(10)} if kind is dict else kind([nest] * 10)
    with pytest.raises(pickle.UnpicklingError, match='the same lists over and over'):
        read(pickle.dumps(dict(scores=nest), 4))


def test_a_list_that_holds_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(pickle.UnpicklingError, match='a list in it holds itself'):
        read(pickle.dumps(endless, 4))
    around = ({},)
    around[0]['me'] = around
    with pytest.raises(pickle.UnpicklingError):
        read(pickle.dumps(around, 4))


def test_a_list_that_stands_twice_is_a_list_twice():
    names = [str(number) for number in range(50)]
    assert read(pickle.dumps([names, names], 4)) == [names, names]


def test_keys_that_collide_are_refused():
    keys = dict.fromkeys(range(0, 10 * ((1 << 61) - 1), (1 << 61) - 1))
    with pytest.raises(pickle.UnpicklingError, match='keys that are no text or small number'):
        read(pickle.dumps(keys, 2))
    assert read(pickle.dumps({7: 'a', 'b': 1}, 2)) == {7: 'a', 'b': 1}


def test_a_shape_of_pytorch_is_short(tmp_path):
    data = b'\x80\x02ctorch\nSize\nB' + struct.pack('<I', 99999) + bytes(99999) + b'\x85R.'
    with zipfile.ZipFile(tmp_path / 'a.pt', 'w') as archive:
        archive.writestr('archive/data.pkl', data)
    with pytest.raises(CheckpointError, match='a shape in it is no short list of numbers'):
        read_pytorch(str(tmp_path / 'a.pt'))


def test_tensors_of_one_storage_do_not_take_many_times_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr('i3dbox.weights.pytorch_files._MOST_SHARED', 0)
    path = str(tmp_path / 'a.pt')
    write_pytorch(path, {'a': np.zeros(4000, np.float32)})
    assert read_pytorch(path)['a'].shape == (4000,)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    # the same tensor under many names
    content = members['archive/data.pkl']
    begin, end = content.index(b'(X') + 1, content.rindex(b'u.')
    one = content[begin:end]
    names = (b'\x01\0\0\0' + bytes([98 + number]) for number in range(20))
    again = b''.join(one.replace(b'\x01\0\0\0a', name) for name in names)
    members['archive/data.pkl'] = content[:end] + again + content[end:]
    with zipfile.ZipFile(path, 'w') as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(CheckpointError, match='its tensors would take .* MB, of a file of 0 MB'):
        read_pytorch(path)
