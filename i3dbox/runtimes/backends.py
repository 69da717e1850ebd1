"""The runtimes: MindSpore, MindSpore Lite, onnxruntime, OpenVINO.

A backend is a class with

    extensions        of the files that it runs
    package           that it imports; `source` says where that comes from
    devices           names that `device` can have
    precisions        names that `precision` can have; None stands for the runtime's own choice

built with (path, inputs, options), where `inputs` are those of the file's description and `options`
a RunOptions, and `run(arrays)`: from a list of arrays of the described shapes to float32 N x
classes.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any, NamedTuple

import numpy as np

from ..errors import DeviceError, ExportError, first_line, spelling_hint
from ..versions import PACKAGES, import_silently, installed


class RunOptions(NamedTuple):
    """How a file is run; see exported.load_exported."""

    device: str = 'cpu'
    device_id: int = 0
    threads: int | None = None
    precision: str | None = None


class Backend:
    """What all backends share."""

    extensions = ()
    package = source = None
    devices = ('cpu',)
    precisions = (None, 'float32')
    takes_threads = True

    @classmethod
    def is_installed(cls) -> bool:
        """Whether the package that it imports is there."""
        return importlib.util.find_spec(cls.package) is not None

    @classmethod
    def version(cls) -> str | None:
        """The installed version of that package, or None."""
        return installed(PACKAGES.get(cls.package, cls.package))

    @classmethod
    def objection(cls, options: RunOptions) -> str:
        """Says what of the options this backend cannot do; '' if it can do all."""
        if options.device not in cls.devices:
            return f'no device {options.device!r}; it has {", ".join(cls.devices)}'
        if options.precision not in cls.precisions:
            known = ', '.join(filter(None, cls.precisions))
            return f'no precision {options.precision!r}; it has {known}'
        if options.threads is not None and not cls.takes_threads:
            return 'no setting for threads; limit the process itself, as by taskset'
        return ''


class MindSporeBackend(Backend):
    """MindIR in MindSpore itself."""

    extensions = ('.mindir',)
    package = 'mindspore'
    source = 'pip install "mindspore>=2.7,<2.9"'
    devices = ('cpu', 'ascend')
    takes_threads = False

    def __init__(self, path: str, inputs: list[dict], options: RunOptions):
        import mindspore as ms

        device, device_id, *_ = options
        self._ms = ms
        ms.set_context(mode=ms.GRAPH_MODE)
        try:
            ms.set_device(
                {'cpu': 'CPU', 'ascend': 'Ascend'}[device],
                *([device_id] if device != 'cpu' else []),
            )
        except (RuntimeError, ValueError) as error:
            # else something has run there already
            if device != 'cpu' or ms.get_context('device_target') != 'CPU':
                raise DeviceError(
                    f'this MindSpore has no device {device} {device_id}: {first_line(error)}'
                ) from error
        try:
            self._network = ms.nn.GraphCell(ms.load(path))
        except (RuntimeError, ValueError) as error:
            raise ExportError(f'MindSpore cannot load {path}: {first_line(error)}') from error
        if any(size is None for spec in inputs for size in spec['shape']):
            # one graph for all batch sizes; without it, a second size does not even compile
            self._network.set_inputs(
                *[
                    ms.Tensor(shape=spec['shape'], dtype=getattr(ms, spec['dtype']))
                    for spec in inputs
                ]
            )

    def run(self, arrays: list[np.ndarray]) -> np.ndarray:
        return self._network(*map(self._ms.Tensor, arrays)).asnumpy()


class MindSporeLiteBackend(Backend):
    """MindIR in MindSpore Lite: the way to Ascend 310. Written against its documentation; not yet
    run on hardware.

    It reads what tools/export.py writes, or what converter_lite has made of that for Ascend.
    """

    extensions = ('.mindir',)
    package = 'mindspore_lite'
    source = (
        'mindspore_lite is not on PyPI: the wheel for your Python and platform is at '
        'https://www.mindspore.cn/lite (downloads), and for Ascend it needs CANN'
    )
    devices = ('cpu', 'ascend')
    precisions = (None, 'float32', 'float16')

    def __init__(self, path: str, inputs: list[dict], options: RunOptions):
        import mindspore_lite as lite

        device, device_id, threads, precision = options
        context = lite.Context()
        try:
            context.target = [device]
            if device == 'ascend':
                context.ascend.device_id = device_id
            if threads is not None:
                context.cpu.thread_num = threads
            if precision is not None:
                names = {
                    ('cpu', 'float16'): 'preferred_fp16',
                    ('ascend', 'float16'): 'enforce_fp16',
                }
                getattr(context, device).precision_mode = names.get(
                    (device, precision), 'enforce_fp32'
                )
            self._model = lite.Model()
            self._model.build_from_file(str(path), lite.ModelType.MINDIR, context)
        except (RuntimeError, ValueError, ImportError, OSError) as error:
            which = device if device == 'cpu' else f'{device} {device_id}'
            raise DeviceError(
                f'MindSpore Lite cannot run {path} on {which}: {first_line(error)}'
            ) from error

    def run(self, arrays: list[np.ndarray]) -> np.ndarray:
        tensors = self._model.get_inputs()
        shapes = [list(array.shape) for array in arrays]
        if [list(tensor.shape) for tensor in tensors] != shapes:
            self._model.resize(tensors, shapes)
            tensors = self._model.get_inputs()
        for tensor, array in zip(tensors, arrays):
            tensor.set_data_from_numpy(np.ascontiguousarray(array))
        return self._model.predict(tensors)[0].get_data_to_numpy()


class ONNXRuntimeBackend(Backend):
    """ONNX in onnxruntime. Only 'cpu' has been run."""

    extensions = ('.onnx',)
    package = 'onnxruntime'
    source = 'pip install "i3dbox[onnx]"'
    devices = ('cpu', 'cuda', 'ascend')
    _PROVIDERS = {
        'cpu': 'CPUExecutionProvider',
        'cuda': 'CUDAExecutionProvider',
        'ascend': 'CANNExecutionProvider',
    }

    def __init__(self, path: str, inputs: list[dict], options: RunOptions):
        onnxruntime = import_silently(self.package)
        device, device_id, threads, _ = options
        provider = self._PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise DeviceError(
                f'this onnxruntime has no device {device!r} ({provider}); it has '
                f'{", ".join(onnxruntime.get_available_providers())}'
            )
        session = onnxruntime.SessionOptions()
        session.intra_op_num_threads = threads or 0
        try:
            self._session = onnxruntime.InferenceSession(
                path,
                session,
                providers=[(provider, {'device_id': device_id}) if device != 'cpu' else provider],
            )
        except Exception as error:  # onnxruntime's exceptions have no common base
            raise ExportError(f'onnxruntime cannot load {path}: {first_line(error)}') from error
        self._names = [spec['name'] for spec in inputs]

    def run(self, arrays: list[np.ndarray]) -> np.ndarray:
        return self._session.run(None, dict(zip(self._names, arrays)))[0]


class OpenVINOBackend(Backend):
    """ONNX, and OpenVINO's own files, in OpenVINO. bfloat16 is fast on CPUs that compute in it, and
    keeps three digits. int8 is what a file was made in; its other layers are then in bfloat16 where
    the CPU has it.
    """

    extensions = ('.onnx', '.xml')
    package = 'openvino'
    source = 'pip install openvino'
    devices = ('cpu', 'gpu')
    precisions = (None, 'float32', 'bfloat16', 'int8')

    def __init__(self, path: str, inputs: list[dict], options: RunOptions):
        openvino = import_silently(self.package)
        device, device_id, threads, precision = options
        core = _core(openvino.Core)
        name = (
            device.upper() if device == 'cpu' or not device_id else f'{device.upper()}.{device_id}'
        )
        if name not in core.available_devices:
            raise DeviceError(
                f'OpenVINO finds no device {name!r} here; it finds '
                f'{", ".join(core.available_devices)}'
            )
        in_bfloat16 = precision == 'bfloat16' or precision == 'int8' and self.has_bfloat16(name)
        if precision == 'bfloat16':
            self.check_bfloat16(name)
        properties = {'INFERENCE_PRECISION_HINT': 'bf16' if in_bfloat16 else 'f32'}
        if threads is not None:
            properties['INFERENCE_NUM_THREADS'] = threads
        try:
            self._model = core.compile_model(path, name, properties)
        except (RuntimeError, ValueError) as error:  # its words may be no UTF-8
            raise ExportError(
                f'OpenVINO cannot load {path}: {str(error).strip().splitlines()[-1]}'
            ) from error
        self._names = [spec['name'] for spec in inputs]

    @classmethod
    def has_bfloat16(cls, name: str = 'CPU') -> bool:
        """Whether a device computes in bfloat16 itself; it would be emulated, and slow."""
        core = _core(import_silently(cls.package).Core)
        return 'BF16' in core.get_property(name, 'OPTIMIZATION_CAPABILITIES')

    @classmethod
    def check_bfloat16(cls, name: str = 'CPU') -> None:
        """Raises DeviceError for a device that does not compute in bfloat16."""
        if not cls.has_bfloat16(name):
            raise DeviceError(f'{name} does not compute in bfloat16: take precision float32')

    def run(self, arrays: list[np.ndarray]) -> np.ndarray:
        return self._model(dict(zip(self._names, arrays)))[0]


@functools.cache
def _core(core):
    """Returns the one openvino.Core of this process.

    Each sets up a stack for handlers of signals, which those of Python run on, and takes it back
    when it goes: of two, the first to go leaves the other's, and any signal ends the process.
    """
    return core()


# 'auto' tries them in this order
BACKENDS = {
    'mindspore': MindSporeBackend,
    'mindspore_lite': MindSporeLiteBackend,
    'openvino': OpenVINOBackend,
    'onnxruntime': ONNXRuntimeBackend,
}


def build_backend(name: str, path: str, inputs: list[dict], options: RunOptions) -> Any:
    """Builds the backend that choose_backend chooses for a file, and raises what that does."""
    return BACKENDS[choose_backend(name, path, options)](path, inputs, options)


def choose_backend(name: str, path: str, options: RunOptions) -> str:
    """Returns `name`, or for 'auto' the first backend that is installed and can do what is asked.

    Args:
        path: of the file, which need not be there yet: its extension counts.

    Raises:
        ExportError: no such backend, one that does not run such files or is not installed.
        DeviceError: a device, precision or number of threads that it cannot give.
    """
    extension = path[path.rfind('.') :]
    fitting = {key: cls for key, cls in BACKENDS.items() if extension in cls.extensions}
    if not fitting:
        raise ExportError(
            f'{path}: no runtime here runs {extension} files; they run '
            f'{", ".join(sorted({one for cls in BACKENDS.values() for one in cls.extensions}))}'
        )
    if name == 'auto':
        name = _choose(fitting, options)
    elif name not in BACKENDS:
        raise ExportError(
            f'no backend is called {name!r}.{spelling_hint(name, BACKENDS)} There are: auto, '
            f'{", ".join(BACKENDS)}'
        )
    elif name not in fitting:
        raise ExportError(
            f'the backend {name} runs {" and ".join(BACKENDS[name].extensions)} files, not {path}; '
            f'for it there are: {", ".join(fitting)}'
        )
    cls = BACKENDS[name]
    objection = cls.objection(options)
    if objection:
        raise DeviceError(f'the backend {name} has {objection}')
    if not cls.is_installed():
        raise ExportError(f'the backend {name} is not installed: {cls.source}')
    return name


def name_of(backend: Any) -> str:
    """Returns what a backend is called, and the version of its package: 'openvino 2026.4.0'."""
    name = next((name for name, cls in BACKENDS.items() if type(backend) is cls), 'backend')
    return f'{name} {backend.version() or ""}'.rstrip()


def _choose(fitting, options):
    able = [name for name, cls in fitting.items() if not cls.objection(options)]
    if options.device == 'ascend':  # the runtime made for it goes before the framework
        able.sort(key=lambda name: name != 'mindspore_lite')
    for name in able:
        if fitting[name].is_installed():
            return name
    if not able:
        raise DeviceError(
            '; '.join(
                f'the backend {name} has {cls.objection(options)}' for name, cls in fitting.items()
            )
        )
    raise ExportError(
        'no runtime for this file is installed: '
        f'{" or ".join(fitting[name].source for name in able)}'
    )
