"""Plain I3D as an ONNX graph, from its table and its parameters. Needs no MindSpore."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ExportError
from ..models.i3d_table import BRANCHES, ENDPOINTS, HEAD_BIAS, HEAD_WEIGHT, LOGITS
from ..models.plain_i3d import EPSILON

if TYPE_CHECKING:
    from types import ModuleType

    import onnx

INPUT = 'imgs'
OUTPUT = 'steps'
OPSET = 13  # the first that OpenVINO and every onnxruntime of today read, and all that is needed


def i3d_graph(
    parameters: dict[str, np.ndarray],
    endpoint: str = LOGITS,
    pool: str = 'avg',
    epsilon: float = EPSILON,
    dtype: str = 'uint8',
) -> onnx.ModelProto:
    """Builds the network up to an endpoint, for clips of any number, length and size.

    The same as models.feature_network.FeatureNetwork: preprocessing inside, batch norm folded into
    the convolutions.

    Args:
        parameters: of i3d_table.parameter_shapes, as far as the endpoint needs them.
        endpoint: of i3d_table.ENDPOINTS, or LOGITS.
        pool: 'avg': the mean over height and width; 'none': maps.
        epsilon: of the batch norms.
        dtype: of the clips, from 0 to 255: 'uint8', or 'float32'.

    Input of the graph: imgs N x T x H x W x C.
    Output: steps float32 N x K x t, for 'none' N x K x t x h x w.
    Raises: ExportError where the package onnx is not there.
    """
    onnx = import_onnx()
    graph = _Graph(onnx, parameters, epsilon)
    x = graph.preprocess(INPUT, dtype)
    for name, spec in ENDPOINTS.items():
        x = graph.layer(x, name, spec)
        if name == endpoint:
            break
    if pool == 'avg':
        x = graph.add('ReduceMean', x, axes=[3, 4], keepdims=int(endpoint == LOGITS))
    if endpoint == LOGITS:
        x = graph.convolution(x, parameters[HEAD_WEIGHT], parameters[HEAD_BIAS])
        x = graph.add('Squeeze', x, graph.constant(np.array([3, 4], np.int64)))
    graph.add('Identity', x, output=OUTPUT)
    channels = next(iter(parameters.values())).shape[1]
    shapes = ['N', 'T', 'H', 'W', channels], ['N', 'K', 't', 'h', 'w'][: 3 if pool == 'avg' else 5]
    kind = onnx.TensorProto.UINT8 if dtype == 'uint8' else onnx.TensorProto.FLOAT
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            'I3D',
            [onnx.helper.make_tensor_value_info(INPUT, kind, shapes[0])],
            [onnx.helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, shapes[1])],
            graph.constants,
        ),
        producer_name='i3dbox',
        opset_imports=[onnx.helper.make_opsetid('', OPSET)],
    )
    model.ir_version = 7  # of that opset
    return model


def needed(parameters: dict[str, np.ndarray], endpoint: str) -> dict[str, np.ndarray]:
    """Returns the parameters that the network has up to an endpoint."""
    layers = list(ENDPOINTS)[: list(ENDPOINTS).index(endpoint) + 1 if endpoint != LOGITS else None]
    starts = tuple(f'backbone.{layer}.' for layer in layers)
    heads = (HEAD_WEIGHT, HEAD_BIAS) if endpoint == LOGITS else ()
    return {
        name: array
        for name, array in parameters.items()
        if name.startswith(starts) or name in heads
    }


def import_onnx() -> ModuleType:
    """Imports onnx so that MindSpore can be imported after it: with the Protocol Buffers written in
    Python, which MindSpore 2.7 and 2.8 ask for. Raises ExportError where it is not installed.
    """
    os.environ.setdefault('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION', 'python')
    try:
        import onnx
    except ImportError as error:
        raise ExportError('graphs are built by the package onnx: pip install onnx') from error
    return onnx


class _Graph:
    """Nodes and constants, in the order in which they are added."""

    def __init__(self, onnx, parameters, epsilon):
        self.nodes = []
        self.constants = []
        self._helper = onnx.helper
        self._as_tensor = onnx.numpy_helper.from_array
        self._parameters = parameters
        self._epsilon = epsilon

    def add(self, operator, *inputs, output=None, **attributes):
        """Adds a node; returns its output's name."""
        output = output or f'{operator}_{len(self.nodes)}'
        self.nodes.append(
            self._helper.make_node(operator, list(inputs), [output], output, **attributes)
        )
        return output

    def constant(self, array):
        name = f'constant_{len(self.constants)}'
        self.constants.append(self._as_tensor(np.ascontiguousarray(array), name))
        return name

    def preprocess(self, x, dtype):
        """models.preprocess.Preprocess: N x T x H x W x C, from 0 to 255 -> N x C x T x H x W in
        [-1, 1].
        """
        if dtype == 'uint8':
            x = self.add('Cast', x, to=1)  # TensorProto.FLOAT
        x = self.add('Transpose', x, perm=[0, 4, 1, 2, 3])
        x = self.add('Mul', x, self.constant(np.float32(2 / 255)))
        return self.add('Sub', x, self.constant(np.float32(1)))

    def layer(self, x, name, spec):
        if name.startswith('Conv'):
            return self.unit(x, name, spec[2])
        if name.startswith('MaxPool'):
            return self.max_pool(x, *spec)
        b0, b1a, b1b, b2a, b2b, b3b = (f'{name}.{branch}' for branch in BRANCHES)
        branches = (
            self.unit(x, b0),
            self.unit(self.unit(x, b1a), b1b),
            self.unit(self.unit(x, b2a), b2b),
            self.unit(self.max_pool(x, (3, 3, 3), (1, 1, 1)), b3b),
        )
        return self.add('Concat', *branches, axis=1)

    def unit(self, x, name, stride=1):
        """models.layers.Unit3D, its batch norm folded into the convolution."""
        weight = self._parameters[f'backbone.{name}.conv3d.weight'].astype(np.float64)
        gamma, beta, mean, variance = (
            self._parameters[f'backbone.{name}.bn.{part}'].astype(np.float64)
            for part in ('gamma', 'beta', 'moving_mean', 'moving_variance')
        )
        scale = gamma / np.sqrt(variance + self._epsilon)
        weight = weight * scale.reshape(-1, 1, 1, 1, 1)
        return self.add('Relu', self.convolution(x, weight, beta - mean * scale, stride))

    def convolution(self, x, weight, bias, stride=1):
        """A convolution with TensorFlow's "same" padding."""
        weight, bias = (self.constant(array.astype(np.float32)) for array in (weight, bias))
        return self.add('Conv', x, weight, bias, strides=[stride] * 3, auto_pad='SAME_UPPER')

    def max_pool(self, x, kernel, stride):
        return self.add(
            'MaxPool', x, kernel_shape=list(kernel), strides=list(stride), auto_pad='SAME_UPPER'
        )
