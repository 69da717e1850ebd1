"""Cleaning ONNX graphs that MindSpore writes. Each pass leaves what the graph computes as it
was.
"""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ExportError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OUTPUT = 'logits'
# ends of the names of constants that passes make
FOLDED = '.folded'
FOLDED_BIAS = '.folded_bias'
SHAPE = '.shape'
REDUCTIONS = ('ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceProd')


def clean(model: ModelProto) -> ModelProto:
    """Returns the model with constants and batch norm folded, nodes without effect removed,
    paddings written out, plain names and inferred shapes. The batch size is still fixed.
    """
    import onnx

    graph = Graph(model)
    graph.order_padding()
    graph.fold_constants()
    graph.fold_batch_norm()
    graph.remove_idle()
    graph.write_out_padding()
    graph.rename()
    return onnx.shape_inference.infer_shapes(graph.model(), check_type=True, strict_mode=True)


class Graph:
    """An ONNX graph that can be changed: `nodes` in order, `constants` (name -> array), the rest of
    the model.
    """

    def __init__(self, model: ModelProto):
        from onnx import numpy_helper

        self._model = model
        self.nodes = list(model.graph.node)
        self.constants = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self.outputs = [value.name for value in model.graph.output]

    def model(self, without: Iterable[str] = ()) -> ModelProto:
        """Returns the whole model, with the constants that are used and not in `without`."""
        import onnx
        from onnx import numpy_helper

        used = self.readers().keys() - set(without)
        graph = onnx.helper.make_graph(
            self.nodes,
            'i3dbox',
            self._model.graph.input,
            self._model.graph.output,
            [
                numpy_helper.from_array(np.ascontiguousarray(array), name)
                for name, array in self.constants.items()
                if name in used
            ],
        )
        return onnx.helper.make_model(
            graph,
            opset_imports=self._model.opset_import,
            ir_version=self._model.ir_version,
            producer_name='i3dbox',
        )

    def infer(self) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
        """Returns what is known of values: (name -> shape, where all of it is fixed; name -> ONNX
        element type).
        """
        import onnx

        # without the weights, whose values no shape depends on, and which are most of the file
        large = {name: array for name, array in self.constants.items() if array.size > 1000}
        model = self.model(without=large)
        model.graph.input.extend(
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in large.items()
        )
        graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
        shapes = {name: array.shape for name, array in self.constants.items()}
        types = {}
        for value in (*graph.input, *graph.value_info, *graph.output):
            types[value.name] = value.type.tensor_type.elem_type
            dims = value.type.tensor_type.shape.dim
            if all(dim.HasField('dim_value') for dim in dims):
                shapes[value.name] = tuple(dim.dim_value for dim in dims)
        return shapes, types

    def readers(self) -> collections.Counter[str]:
        """Returns name -> how many read it: nodes, and the outputs of the graph."""
        return collections.Counter(
            [*self.outputs, *(name for node in self.nodes for name in node.input)]
        )

    def producers(self) -> dict[str, NodeProto]:
        """Returns name -> the node that makes it."""
        return {name: node for node in self.nodes for name in node.output}

    def fold_constants(self) -> None:
        """Computes the nodes whose inputs are all constants, Constant nodes among them."""
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        kept = []
        for node in self.nodes:
            names = [name for name in dict.fromkeys(node.input) if name]
            if node.op_type == 'Constant':
                one = node
            elif (
                node.input
                and self.constants.keys() >= set(names)
                and not node.op_type.startswith('Random')
            ):
                one = helper.make_function(
                    '', 'one', names, node.output, [node], self._model.opset_import
                )
            else:
                kept.append(node)
                continue
            values = ReferenceEvaluator(one).run(
                None, {name: self.constants[name] for name in names}, {}
            )
            self.constants.update(zip(node.output, map(np.asarray, values)))
        self.nodes = kept

    def fold_batch_norm(self) -> None:
        """Puts batch norm into the convolution before it, also across reshapes that keep batch and
        channels.

        Batch norm elsewhere, or of a convolution that others read too, stays.
        """
        shapes, _ = self.infer()
        for norm in [node for node in self.nodes if node.op_type == 'BatchNormalization']:
            readers = self.readers()
            producers = self.producers()
            source = producers.get(norm.input[0])
            while (
                source is not None
                and source.op_type == 'Reshape'
                and readers[source.output[0]] == 1
                and shapes[source.input[0]][:2] == shapes[source.output[0]][:2]
            ):
                source = producers.get(source.input[0])
            statistics = [self.constants.get(name) for name in norm.input[1:5]]
            if (
                source is None
                or source.op_type != 'Conv'
                or readers[source.output[0]] != 1
                or source.input[1] not in self.constants
                or any(value is None for value in statistics)
            ):
                continue
            gamma, beta, mean, variance = (value.astype(np.float64) for value in statistics)
            epsilon = _attribute(norm, 'epsilon', 1e-5)
            scale = gamma / np.sqrt(variance + epsilon)
            weight = self.constants[source.input[1]]
            bias = (
                self.constants[source.input[2]].astype(np.float64) if len(source.input) > 2 else 0
            )
            stem = source.input[1]
            while f'{stem}{FOLDED}' in self.constants:  # convolutions that share their weights
                stem += "'"
            folded = {
                f'{stem}{FOLDED}': weight * scale.reshape(-1, *[1] * (weight.ndim - 1)),
                f'{stem}{FOLDED_BIAS}': (bias - mean) * scale + beta,
            }
            self.constants.update(
                (name, array.astype(weight.dtype)) for name, array in folded.items()
            )
            source.input[1:] = list(folded)
            self._bypass(norm)

    def remove_idle(self) -> None:
        """Merges reshapes of reshapes; removes reshapes, transposes, casts and slices that change
        nothing.
        """
        shapes, types = self.infer()  # once: no pass changes the shape of a value that stays
        while self._remove_one(shapes, types):
            pass
        used = set(self.outputs)
        kept = []
        for node in reversed(self.nodes):
            if used & set(node.output):
                kept.append(node)
                used |= set(node.input)
        self.nodes = kept[::-1]

    def _remove_one(self, shapes, types):
        producers = self.producers()
        for node in self.nodes:
            if not node.input or node.input[0] in self.constants:  # RandomUniform has none
                continue
            before = shapes.get(node.input[0])
            after = shapes.get(node.output[0])
            same = before is not None and before == after
            source = producers.get(node.input[0])
            factor = self.constants.get(node.input[1]) if len(node.input) > 1 else None
            idle = (
                node.op_type == 'Identity'
                or node.op_type == 'Reshape'
                and same
                or node.op_type == 'Transpose'
                and _attribute(node, 'perm') == list(range(len(before or ())))
                or node.op_type == 'Cast'
                and types.get(node.input[0]) == _attribute(node, 'to')
                or node.op_type in ('Mul', 'Div')
                and factor is not None
                and np.all(factor == 1)
                and same
                or node.op_type == 'Slice'
                and factor is not None
                and factor.size == 0  # of no axis, which OpenVINO does not read
            )
            if idle and not (node.output[0] in self.outputs and source is None):
                self._bypass(node)
                return True
            if after is None:
                continue
            if node.op_type == 'Reshape' and source is not None and source.op_type == 'Reshape':
                node.input[0] = source.input[0]
                self.set_shape(node, after)
                return True
            if (
                node.op_type in REDUCTIONS
                and len(node.input) == 1
                and before is not None
                and all(
                    before[axis] == 1 for axis in _attribute(node, 'axes') or range(len(before))
                )
            ):
                node.op_type = 'Reshape'
                del node.attribute[:]
                node.input.append('')
                self.set_shape(node, after)
                return True
        return False

    def order_padding(self) -> None:
        """Puts the pads of 3D convolutions in ONNX's order: all that stand before, then all behind.
        MindSpore writes them by the dimension, before and behind each.
        """
        for node in self.nodes:
            pads = next((a for a in node.attribute if a.name == 'pads'), None)
            explicit = (_attribute(node, 'auto_pad') or b'NOTSET') == b'NOTSET'
            if node.op_type == 'Conv' and pads and explicit and len(pads.ints) == 6:
                pads.ints[:] = [*pads.ints[::2], *pads.ints[1::2]]

    def write_out_padding(self) -> None:
        """Replaces auto_pad by pads, as ATC asks for 3D convolutions."""
        from onnx import helper

        shapes, _ = self.infer()
        for node in self.nodes:
            mode = (_attribute(node, 'auto_pad') or b'NOTSET').decode()
            if node.op_type not in ('Conv', 'MaxPool', 'AveragePool') or mode == 'NOTSET':
                continue
            before = shapes[node.input[0]][2:]
            after = shapes[node.output[0]][2:]
            kernel = _attribute(node, 'kernel_shape') or shapes[node.input[1]][2:]
            ones = [1] * len(kernel)
            strides = _attribute(node, 'strides') or ones
            dilations = _attribute(node, 'dilations') or ones
            sums = [
                max(0, (n_out - 1) * stride + dilation * (k - 1) + 1 - n_in)  # none if VALID
                for n_in, n_out, k, stride, dilation in zip(
                    before, after, kernel, strides, dilations
                )
            ]
            small = [s // 2 for s in sums]
            large = [s - s // 2 for s in sums]
            pads = large + small if mode == 'SAME_LOWER' else small + large
            kept = [a for a in node.attribute if a.name not in ('auto_pad', 'pads')]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute('pads', pads)])

    def rename(self) -> None:
        """Gives nodes and values short names: convolutions are called after their weights, the
        output 'logits'. Inputs and weights keep the network's names.
        """
        readers = self.readers()
        self.constants = {name: self.constants[name] for name in self.constants if name in readers}
        names = {value.name: value.name for value in self._model.graph.input}
        names.update((name, name) for name in self.constants)
        taken = {*names, OUTPUT}
        self._name_folded(names, taken)
        self._name_nodes(names, taken)
        if len(self.outputs) == 1:
            names[self.outputs[0]] = OUTPUT
        self._rename_values(names)
        self.constants = {names[name]: array for name, array in self.constants.items()}
        self.outputs = [names[name] for name in self.outputs]
        for value, name in zip(self._model.graph.output, self.outputs):
            value.name = name

    def _name_folded(self, names, taken):
        """Calls what batch norm was folded into as it was called before."""
        for name in self.constants:
            if name.endswith((FOLDED, FOLDED_BIAS)):
                short = name.replace(FOLDED_BIAS, '').replace(FOLDED, '')
                if name.endswith(FOLDED_BIAS):
                    short = re.sub(r'\.weight\b', '.bias', short)
                if short not in taken:  # else another convolution has these weights as they were
                    names[name] = short
                    taken.add(short)

    def _name_nodes(self, names, taken):
        counts = collections.Counter()
        for node in self.nodes:
            counts[node.op_type] += 1
            node.name = f'{node.op_type}_{counts[node.op_type]}'
            if node.op_type == 'Conv' and node.input[1] in self.constants:
                called = names[node.input[1]].rpartition('.weight')[0]
                node.name = called if called and called not in taken else node.name
            taken.add(node.name)
            for index, name in enumerate(node.input):
                if name in self.constants and _made_up(name):
                    names[name] = f'{node.name}.input_{index}'
            for index, name in enumerate(node.output):
                names[name] = node.name if len(node.output) == 1 else f'{node.name}.{index}'

    def set_shape(self, node: NodeProto, shape: Sequence[int]) -> None:
        """Gives a Reshape another shape."""
        node.input[1] = f'{node.output[0]}{SHAPE}'
        self.constants[node.input[1]] = np.array(shape, np.int64)

    def _bypass(self, node):
        """Removes a node whose output is its first input."""
        source = node.input[0]
        target = node.output[0]
        self.nodes.remove(node)
        # an output of the graph keeps its name: what made the input makes it now
        self._rename_values({source: target} if target in self.outputs else {target: source})

    def _rename_values(self, names):
        for node in self.nodes:
            for values in (node.input, node.output):
                values[:] = [names.get(name, name) for name in values]


def _attribute(node, name, default=None):
    """Returns the value of a node's attribute, or the default."""
    from onnx import helper

    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def free_batch(model: ModelProto, batch: int) -> ModelProto:
    """Returns the cleaned `model`, exported at the batch size `batch`, for any batch size N.

    Reshapes that keep the batch axis, or split or join it with the one after it, are made to follow
    it. What comes out is checked for batches of 1 and 3 by its shapes.

    Raises: ExportError where the batch size is built into the graph elsewhere; names the operator.
    """
    import onnx

    graph = Graph(model)
    shapes, _ = graph.infer()
    for node in graph.nodes:
        if node.op_type != 'Reshape' or node.input[1] not in graph.constants:
            continue
        before = shapes[node.input[0]]
        after = shapes[node.output[0]]
        if before[0] == after[0] == batch:
            graph.set_shape(node, (0, *after[1:]))  # 0: as in the input
        elif before[0] % batch == 0 and after[0] % batch == 0:
            graph.set_shape(node, (-1, *after[1:]))
    open_ = graph.model()
    for size in (1, 3):
        _check_batch(_with_batch(open_, size), size)
    return onnx.shape_inference.infer_shapes(
        _with_batch(open_, 'N'), check_type=True, strict_mode=True
    )


def _with_batch(model, size):
    """Returns a copy of the model whose inputs and outputs have the batch size `size`, a number or
    a name.
    """
    import onnx

    model = onnx.ModelProto.FromString(model.SerializeToString())
    for value in (*model.graph.input, *model.graph.output):
        dim = value.type.tensor_type.shape.dim[0]
        dim.Clear()
        setattr(dim, 'dim_param' if isinstance(size, str) else 'dim_value', size)
    return model


def _check_batch(model, size):
    import onnx

    try:
        shapes, _ = Graph(model).infer()
    except onnx.shape_inference.InferenceError as error:
        raise ExportError(
            'the batch size is built into the ONNX graph: '
            f'{" ".join(str(error).split())[:200]}. Export a fixed --batch-size'
        ) from error
    for node in [node for node in model.graph.node if node.op_type == 'Reshape']:
        before = shapes.get(node.input[0])
        after = shapes.get(node.output[0])
        if math.prod(before or ()) != math.prod(after or ()):
            raise ExportError(
                f'the batch size is built into the ONNX operator {node.name} ({before} to '
                f'{after} for a batch of {size}). Export a fixed --batch-size'
            )


def _made_up(name):
    """Whether MindSpore, or a pass, has made up the name of a constant."""
    return name.startswith(tuple('0123456789')) or name.endswith(SHAPE)
