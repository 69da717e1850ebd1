"""Running exported models, whatever runs them. Needs no MindSpore unless that is what runs them.

    model = load_exported('i3d_rgb.onnx')
    logits = model(clips)              # uint8 N x 64 x 224 x 224 x 3 -> float32 N x classes
    model.classes[logits[0].argmax()]

A file's description says what it takes.
"""

from __future__ import annotations

import collections
from typing import Any

import numpy as np

from ..argument_checks import at_least_one
from ..errors import DeviceError, ExportError, first_line
from ..exporters.sidecar import average_clips, read_sidecar
from .backends import RunOptions, build_backend, name_of

Input = collections.namedtuple('Input', 'name shape dtype layout')


def load_exported(
    file: str,
    backend: str = 'auto',
    device: str = 'cpu',
    device_id: int = 0,
    threads: int | None = None,
    precision: str | None = None,
    description: str | None = None,
) -> ExportedModel:
    """Loads a file that tools/export.py wrote, or that another tool has made of it.

    The description that tools/export.py writes must lie beside the file; the file is compared with
    the hash in it.

    Args:
        file: .mindir, .onnx or .xml.
        backend: 'mindspore', 'mindspore_lite', 'onnxruntime', 'openvino', or 'auto': the
            first of those that runs such files, is installed, and can do what the other arguments
            ask for.
        device: 'cpu' or 'ascend'; 'cuda' (onnxruntime) and 'gpu' (OpenVINO) where those have it.
        device_id: which of several.
        threads: of the CPU; default: the runtime's choice. The mindspore backend cannot set it.
        precision: 'float32' (what runtimes on the CPU do by default), 'bfloat16' (openvino),
            'float16' (mindspore_lite), 'int8' (of files that were made so, by default).
        description: where the description is, for a file that another tool (converter_lite)
            has converted: that of its source. The hash of such a file is not known.

    Raises: ExportError for a file or backend that cannot be used; DeviceError for a device or
        precision; ConfigError for threads.
    """
    at_least_one('load_exported', threads=1 if threads is None else threads)
    info = read_sidecar(file, description)
    own = (info.get('openvino') or {}).get('precision')
    if precision == 'int8' and own != 'int8':
        raise DeviceError(
            f'{file} was not made in int8: i3dbox export --format OPENVINO --precision int8 does so'
        )
    precision = precision or own
    options = RunOptions(device, device_id, threads, precision)
    return ExportedModel(
        str(file), info, build_backend(backend, str(file), info['inputs'], options), precision
    )


class ExportedModel:
    """A loaded file: call it with the clips of each input, by position or by name.

    Attributes:
        path (str): of the file.
        inputs (list of Input): name, shape (None where any size goes), dtype, layout of each.
        classes (list of str or None): names of the logits, in order.
        average_clips (str): of averages.HOW: how the clips of a video become one answer.
        info (dict): the whole description.
        engine (str): what runs it, as in 'openvino 2026.4.0, float32'.

    Inputs: an array each, of any number of rows: they are cut to the file's batch size, the last
    part is padded, and the padding dropped. Outputs: float32 N x classes.
    Raises: ExportError, before anything runs, for an input that is missing, or of another shape or
        dtype.
    """

    def __init__(self, path: str, info: dict, backend: Any, precision: str | None = None):
        self.path = path
        self.info = info
        self.backend = backend
        self.classes = info['classes']
        self.engine = f'{name_of(backend)}, {precision or "float32"}'
        self.inputs = [
            Input(spec['name'], tuple(spec['shape']), spec['dtype'], spec.get('layout', ''))
            for spec in info['inputs']
        ]
        self._batch = self.inputs[0].shape[0]
        self.average_clips = average_clips(info)
        self._num_classes = info['output']['shape'][1]

    def __call__(self, *args: np.ndarray, **kwargs: np.ndarray) -> np.ndarray:
        arrays = self._check(self._bind(args, kwargs))
        rows = len(arrays[0])
        if rows == 0:
            return np.zeros((0, self._num_classes), np.float32)
        batch = self._batch or rows
        outputs = []
        for start in range(0, rows, batch):
            parts = [array[start : start + batch] for array in arrays]
            count = len(parts[0])
            if count < batch:
                parts = [
                    np.concatenate([part, part[-1:].repeat(batch - count, 0)]) for part in parts
                ]
            outputs.append(self._run(parts)[:count])
        return np.concatenate(outputs)

    def _run(self, arrays):
        try:
            logits = np.asarray(self.backend.run(arrays), np.float32)
        except Exception as error:  # the runtimes' exceptions have no common base
            raise ExportError(f'{self.path} cannot be run: {first_line(error)}') from error
        expected = len(arrays[0]), self._num_classes
        if logits.shape != expected:
            raise ExportError(
                f'{self.path} does not give what its description says: logits {logits.shape}; '
                f'expected {expected}'
            )
        return logits

    def _bind(self, args, kwargs):
        names = [spec.name for spec in self.inputs]
        if len(args) > len(names):
            raise ExportError(f'the model takes {" and ".join(names)}; got {len(args)} arrays')
        values = dict(zip(names, args))
        for name, value in kwargs.items():
            if name not in names or name in values:
                raise ExportError(
                    f'the model takes {" and ".join(names)}, each once; got {name!r} '
                    f'{"twice" if name in values else "as well"}'
                )
            values[name] = value
        missing = [name for name in names if name not in values]
        if missing:
            raise ExportError(
                f'the input {missing[0]!r} is missing: the model takes {" and ".join(names)}'
            )
        return [values[name] for name in names]

    def _check(self, values):
        arrays = []
        for spec, value in zip(self.inputs, values):
            array = np.asarray(value)
            sizes = ' x '.join(map(str, ('N', *spec.shape[1:])))
            expected = (
                f'{spec.dtype} {spec.layout} = {sizes}' if spec.layout else f'{spec.dtype} {sizes}'
            )
            if (
                array.dtype != spec.dtype
                or array.shape[1:] != spec.shape[1:]
                or array.ndim != len(spec.shape)
            ):
                raise ExportError(
                    f'the input {spec.name!r} must be {expected}; got {array.dtype} '
                    f'{" x ".join(map(str, array.shape)) or "(a single value)"}'
                )
            arrays.append(np.ascontiguousarray(array))
        counts = {spec.name: len(array) for spec, array in zip(self.inputs, arrays)}
        if len(set(counts.values())) > 1:
            raise ExportError(
                'the inputs have different numbers of clips: '
                + ', '.join(f'{count} in {name!r}' for name, count in counts.items())
            )
        return arrays
