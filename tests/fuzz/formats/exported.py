"""Exported files and their descriptions, in each runtime that is here."""

import functools

import numpy as np

from i3dbox.exporters.sidecar import write_sidecar
from i3dbox.runtimes.exported import load_exported

from ..mutators import any_bytes, any_json
from . import Format

SHAPE = (2, 4, 8, 8, 3)
INFO = dict(
    format='ONNX',
    inputs=[dict(name='imgs', shape=list(SHAPE), dtype='uint8', layout='N x T x H x W x C')],
    output=dict(shape=[2, 3], values='logits'),
    classes=['a', 'b', 'c'],
    modality='RGB',
    protocol=dict(test_pipeline=[dict(type='PackClips')]),
)


def make_onnx(folder):
    """Writes a network of a mean over the clip and a product."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node('Cast', ['imgs'], ['x'], to=TensorProto.FLOAT),
        helper.make_node('ReduceMean', ['x'], ['mean'], axes=[1, 2, 3], keepdims=0),
        helper.make_node('MatMul', ['mean', 'w'], ['logits']),
    ]
    graph = helper.make_graph(
        nodes,
        'tiny',
        [helper.make_tensor_value_info('imgs', TensorProto.UINT8, SHAPE)],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, (2, 3))],
        [numpy_helper.from_array(np.eye(3, dtype=np.float32), 'w')],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8)
    path = folder / 'a.onnx'
    onnx.save(model, str(path))
    write_sidecar(str(path), INFO)


def make_mindir(folder):
    import mindspore as ms
    from mindspore import nn, ops

    class Tiny(nn.Cell):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(3, 3)

        def construct(self, imgs):
            return self.dense(ops.cast(imgs, ms.float32).mean((1, 2, 3)))

    path = folder / 'a.mindir'
    ms.export(
        Tiny(), ms.Tensor(np.zeros(SHAPE, np.uint8)), file_name=str(path), file_format='MINDIR'
    )
    write_sidecar(str(path), dict(INFO, format='MINDIR'))


def damage(rng, folder):
    """Damages the file, and most often has its description know; or the description."""
    path = next(path for path in folder.iterdir() if path.suffix != '.json')
    beside = folder / f'{path.name}.json'
    if rng.random() < 0.3:
        beside.write_bytes(any_json(rng, beside.read_bytes()))
        return
    path.write_bytes(any_bytes(rng, path.read_bytes()))
    if rng.random() < 0.95:
        write_sidecar(str(path), dict(INFO, format=path.suffix[1:].upper()))


def read(folder, backend):
    """Runs a file on a batch of what its description says."""
    path = next(path for path in folder.iterdir() if path.suffix != '.json')
    model = load_exported(str(path), backend, threads=None if backend == 'mindspore' else 1)
    shapes = [[size or 2 for size in spec.shape] for spec in model.inputs]
    if sum(map(np.prod, shapes)) < 1 << 20:
        model(*[np.zeros(shape, spec.dtype) for shape, spec in zip(shapes, model.inputs)])


FORMATS = {
    'onnxruntime': Format(make_onnx, functools.partial(read, backend='onnxruntime'), damage),
    'openvino': Format(make_onnx, functools.partial(read, backend='openvino'), damage),
    'mindir': Format(make_mindir, functools.partial(read, backend='mindspore'), damage),
}
