"""Checkpoints of MindSpore, PyTorch, TensorFlow and flax."""

import contextlib
import pickle
import zipfile
import zlib

import numpy as np
from tensorflow_writer import table, tensor_entries, write_tensorflow

from i3dbox.errors import CheckpointError
from i3dbox.weights.checkpoint_file import read_checkpoint, write_checkpoint
from i3dbox.weights.conversion import convert
from i3dbox.weights.flax_files import read_flax
from i3dbox.weights.pytorch_files import read_pytorch, write_pytorch
from i3dbox.weights.tensorflow_files import read_tensorflow

from ..mutators import any_bytes, any_file, any_pickle, value
from . import Format

ARRAYS = {
    'Conv3d_1a_7x7.conv3d.weight': np.ones((2, 3, 1, 2, 2), np.float32),
    'Conv3d_1a_7x7.bn.bias': np.arange(5, dtype=np.float32),
    'logits.conv3d.weight': np.ones((3, 4, 1, 1, 1), np.float32),
}
META = dict(modality='RGB', classes=['a', 'b'], config='x = 1', step=3, epoch=1, memory={'a': 1})


def make_ckpt(folder):
    state = {'moments.0': np.ones(3, np.float32), 'step': np.int32(4)}
    write_checkpoint(str(folder / 'a.ckpt'), ARRAYS, state, META)


def read_ckpt(folder):
    for path in folder.iterdir():
        read_checkpoint(str(path))


def damage_ckpt(rng, folder):
    """Damages the file; or, with the right checksum, its messages or its description."""
    path = folder / 'a.ckpt'
    kind = rng.randrange(3)
    if kind == 0:
        any_file(rng, folder)
    elif kind == 1:
        meta = META
        for _ in range(rng.choice((1, 2))):
            meta = value(rng, meta)
        write_checkpoint(str(path), ARRAYS, meta=meta)
    else:
        data = any_bytes(rng, path.read_bytes()[:-17])
        path.write_bytes(data + b'crc_num' + zlib.crc32(data).to_bytes(10, 'big'))


def read_pt(folder):
    """Reads the arrays, and looks for ours among them."""
    path = str(folder / 'a.pt')
    read_pytorch(path)
    with contextlib.suppress(CheckpointError):  # these are not all
        convert(path)


def damage_pt(rng, folder):
    """Damages the file, or the pickle or the arrays in it."""
    path = folder / 'a.pt'
    if rng.random() < 0.4:
        any_file(rng, folder)
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice([*members, *['archive/data.pkl'] * 8])
    members[name] = (any_pickle if name.endswith('.pkl') else any_bytes)(rng, members[name])
    kind = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    if kind == zipfile.ZIP_DEFLATED and rng.random() < 0.1:
        members[rng.choice(list(members))] = bytes(1 << 28)
    with zipfile.ZipFile(path, 'w', kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def legacy_parts(folder):
    """Returns what torch.save wrote before its zip format: four pickles, keys, and storages."""
    write_pytorch(str(folder / 'b.pt'), ARRAYS)
    with zipfile.ZipFile(folder / 'b.pt') as archive:
        content = archive.read('archive/data.pkl')
    (folder / 'b.pt').unlink()
    # a storage is a view of another there: one more entry of the persistent reference
    content = content.replace(b'tQ', b'NtQ')
    keys = [str(key) for key in range(len(ARRAYS))]
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {})]
    storages = b''.join(
        array.size.to_bytes(8, 'little') + array.astype('<f4').tobytes()
        for array in ARRAYS.values()
    )
    return [*head, content, pickle.dumps(keys, 2)], storages


def make_legacy(folder):
    pickles, storages = legacy_parts(folder)
    (folder / 'a.pt').write_bytes(b''.join(pickles) + storages)


def damage_legacy(rng, folder):
    """Damages the file, or one of its pickles."""
    if rng.random() < 0.4:
        any_file(rng, folder)
        return
    pickles, storages = legacy_parts(folder)
    index = rng.choice((0, 1, 2, 3, 3, 3, 3, 4))
    pickles[index] = any_pickle(rng, pickles[index])
    (folder / 'a.pt').write_bytes(b''.join(pickles) + storages)


def make_tensorflow(folder):
    write_tensorflow(folder / 'a.ckpt', {'a/w': np.ones((2, 3), np.float32), 'b': np.ones(4)})


def damage_tensorflow(rng, folder):
    """Damages a file; or, with the right checksums, what the index says of an array."""
    if rng.random() < 0.4:
        any_file(rng, folder)
        return
    arrays = {f'array{i}/w': np.full((2, i), i, np.float32) for i in range(5)}
    entries, data = tensor_entries(arrays, scope='')
    place = rng.randrange(len(entries))
    key, entry = entries[place]
    if rng.random() < 0.2:
        key = any_bytes(rng, key)
    entries[place] = key, any_bytes(rng, entry)
    (folder / 'a.ckpt.index').write_bytes(table(entries, rng.random() < 0.5))
    (folder / 'a.ckpt.data-00000-of-00001').write_bytes(data)


def read_tf(folder):
    path = str(folder / 'a.ckpt')
    read_tensorflow(path)
    with contextlib.suppress(CheckpointError):
        convert(path)


def make_flax(folder):
    variables = {'params': {'Logits': {'Conv3d_0c_1x1': {'Conv_0': {'bias': np.ones(4)}}}}}
    (folder / 'a.pkl').write_bytes(pickle.dumps(variables, 4))


def read_flax_pickle(folder):
    path = str(folder / 'a.pkl')
    read_flax(path)
    with contextlib.suppress(CheckpointError):
        convert(path)


def damage_flax(rng, folder):
    path = folder / 'a.pkl'
    path.write_bytes(any_pickle(rng, path.read_bytes()))


def make_pt(folder):
    write_pytorch(str(folder / 'a.pt'), ARRAYS)


FORMATS = {
    'ckpt': Format(make_ckpt, read_ckpt, damage_ckpt),
    'pt': Format(make_pt, read_pt, damage_pt),
    'pt_legacy': Format(make_legacy, read_pt, damage_legacy),
    'flax': Format(make_flax, read_flax_pickle, damage_flax),
    'tensorflow': Format(make_tensorflow, read_tf, damage_tensorflow),
}
