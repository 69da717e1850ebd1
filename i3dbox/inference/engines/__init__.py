"""What computes a network: MindSpore, or a graph in OpenVINO or onnxruntime.

An engine is a class with

    name, version, precision    of what computes
    inputs, modality, num_classes, weights, streams, check_input
                                as of a recognizer; the streams are StreamNetworks
    load(checkpoint, new_head, streams)
                                takes a checkpoint's weights: the list of LoadReport
"""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING, NamedTuple, Union

from ...engine.build import build_runner
from ...engine.distributed import is_launched
from ...errors import ConfigError, DeviceError
from ...models.plain_i3d import plain_streams
from ...runtimes.backends import BACKENDS
from ...streams import STREAM_OF
from ...versions import HOW_TO_INSTALL

if TYPE_CHECKING:
    from ...config import Config
    from ..model_spec import ModelSpec
    from .graph_engine import GraphEngine
    from .mindspore_engine import MindSporeEngine
    from .stream_network import StreamNetwork

    Engine = Union[MindSporeEngine, GraphEngine]

GRAPHS = ('openvino', 'onnxruntime')  # fastest first
ENGINES = ('auto', 'mindspore', *GRAPHS)
PRECISIONS = ('float32', 'bfloat16')


class Choice(NamedTuple):
    """What computes, and how precisely."""

    name: str
    precision: str


def choose_engine(
    model: dict,
    engine: str = 'auto',
    precision: str | None = None,
    device: str = 'auto',
) -> Choice:
    """Chooses what computes a config's `model`: of plain I3D on a CPU the fastest that is installed
    and has the precision; of other networks and on Ascend MindSpore, unless an engine is named,
    for which they are exported.

    Args:
        engine: of ENGINES. precision: of PRECISIONS; default: float32.
        device: 'CPU', 'Ascend' or 'auto'.

    Raises: ConfigError or DeviceError for what cannot be had, and says what can.
    """
    check_words(engine, precision)
    if device == 'Ascend' or device == 'auto' and engine == 'auto' and has_ascend():
        if engine not in ('auto', 'mindspore') or precision:
            raise DeviceError(
                'on Ascend MindSpore computes, in the precision of its config; engines and '
                'precisions are chosen on a CPU (--device CPU)'
            )
        return Choice('mindspore', 'float32')
    plain = plain_streams(model) is not None
    trains = BACKENDS['mindspore'].is_installed()
    if engine in GRAPHS:
        if not plain and not trains:
            raise ConfigError(
                f'{engine} computes networks of your own when MindSpore has exported them: '
                f'{HOW_TO_INSTALL}'
            )
        return _graph(engine, precision)
    reasons = []
    if engine == 'auto' and not plain:
        reasons.append(
            'another network than I3D is computed by MindSpore in float32, or from a file that '
            '`i3dbox export` made where MindSpore is (--model FILE.onnx)'
        )
    for name in GRAPHS if engine == 'auto' and plain else ():
        try:
            return _graph(name, precision)
        except ConfigError as error:
            reasons.append(str(error))
    if precision == 'bfloat16':
        raise ConfigError(
            '; '.join(reasons) or 'MindSpore computes in float32 on a CPU; bfloat16 is of openvino'
        )
    if not trains:
        raise ConfigError('; '.join([*reasons, f'MindSpore is not installed: {HOW_TO_INSTALL}']))
    return Choice('mindspore', 'float32')


def check_words(engine: str, precision: str | None) -> None:
    """Raises ConfigError for an engine and a precision that there is not."""
    if engine not in ENGINES:
        raise ConfigError(f'an engine is one of {", ".join(ENGINES)}; got {engine!r}')
    if precision == 'int8':
        raise ConfigError(
            'int8 is of exported files, as it takes clips to be calibrated on: i3dbox export '
            '--format OPENVINO --precision int8'
        )
    if precision not in (None, *PRECISIONS):
        raise ConfigError(f'a precision is one of {", ".join(PRECISIONS)}; got {precision!r}')


def _graph(name, precision):
    backend = BACKENDS[name]
    if not backend.is_installed():
        raise ConfigError(f'{name} is not installed: {backend.source}')
    if precision not in backend.precisions:
        raise ConfigError(f'{name} computes in float32; bfloat16 is of openvino')
    if precision == 'bfloat16':
        backend.check_bfloat16()  # here, before anything is read
    return Choice(name, precision or 'float32')


def build_engine(
    cfg: Config,
    engine: str = 'auto',
    precision: str | None = None,
    device: str = 'auto',
    device_id: int | None = None,
) -> Engine:
    """Builds the network of a config that check_config has passed, in the engine of choose_engine;
    `load` gives it weights.
    """
    name, precision = choose_engine(cfg.model, engine, precision, device)
    if name == 'mindspore':
        from .mindspore_engine import MindSporeEngine

        return MindSporeEngine(cfg, device, device_id)
    if plain_streams(cfg.model) is None:
        from .exported_engine import ExportedEngine

        return ExportedEngine(cfg, name, precision, device_id)
    from .graph_engine import GraphEngine

    if is_launched():  # ranks share the clips by MindSpore's communication
        build_runner(cfg.runner, 'CPU', device_id).setup(cfg.get('seed', 0))
    return GraphEngine(cfg, name, precision)


def open_engine(
    spec: ModelSpec,
    engine: str = 'auto',
    precision: str | None = None,
    device: str = 'auto',
    device_id: int | None = None,
) -> tuple[Engine, dict[str, StreamNetwork]]:
    """Builds the network that a ModelSpec names. Its weights, which may have to be downloaded, are
    left for `load`, so that what does not fit can be told before.

    Args:
        engine, precision, device: of choose_engine. device_id: which device.

    Returns: the engine, and its streams, as far as the spec uses them, by 'rgb' and 'flow'.
    """
    spec.check_open()
    built = build_engine(spec.cfg, engine, precision, device, device_id)
    found = {STREAM_OF[stream.modality]: stream for stream in built.streams.values()}
    return built, {name: found[name] for name in spec.streams}


def in_words(engine: Engine) -> str:
    """Returns what computes in a few words: 'openvino 2026.4.0, float32'."""
    return f'{engine.name} {engine.version}, {engine.precision}'


def has_ascend() -> bool:
    """Whether an Ascend device is in this machine, for which its driver makes files."""
    return bool(glob.glob('/dev/davinci[0-9]*'))
