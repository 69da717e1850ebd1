"""From a config and a checkpoint to a file that other runtimes load, and the proof that it gives
the same answers.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import mindspore as ms
import numpy as np

from .. import __version__
from ..argument_checks import as_size, at_least_one
from ..averages import softmax
from ..config_checks.checks import check_config, classes_of, look_up
from ..config_checks.protocols import check_joint, clip_size, fixed_length, pipelines
from ..datasets.sampler import sample_rng
from ..errors import ExportError, I3DBoxError, ModelError
from ..exporters import BaseExporter
from ..exporters.sidecar import VALUES as ANSWERS
from ..exporters.sidecar import weights_path, write_sidecar
from ..fileio import atomic_path, check_writable, sha256
from ..inference.network import build_network
from ..models.clip_network import clip_network
from ..models.normalization import SYMMETRIC, normalizations_of
from ..registry import DATASETS, EXPORTERS, parameters_of
from ..runtimes.backends import BACKENDS, RunOptions, choose_backend
from ..runtimes.exported import load_exported
from ..streams import BOTH, CHANNELS, MODALITIES
from ..weights.loading import load_weights
from ..weights.zoo import PREFIX, local_path
from .calibration import calibration_clips

if TYPE_CHECKING:
    from mindspore import nn

    from ..config import Config

SURE = 0.05  # of probability, between the first class and the next
LAYOUTS = {'uint8': 'N x T x H x W x C', 'float32': 'N x C x T x H x W'}
VALUES = {
    'RGB': 'red, green, blue from 0 to 255',
    'Flow': 'flow x, y in pixels per frame, cut to [-bound, bound], which is 0 to 255',
}


class Export(NamedTuple):
    """An exported file: its path and description, what wrote it, the network that it holds, and of
    int8 clips that it was not calibrated on.
    """

    path: str
    info: dict
    exporter: Any
    network: nn.Cell
    held_out: list[dict[str, np.ndarray]] | None = None


def export(
    cfg: Config,
    checkpoint: str | dict,
    format: str | dict = 'MINDIR',
    out: str | None = None,
    batch_size: int = 1,
    clip_len: int | None = None,
    size: int | Sequence[int] | None = None,
    input: str = 'uint8',
    device: str = 'auto',
    device_id: int | None = None,
    precision: str = 'float32',
    calibrate: str | None = None,
    clips: int = 24,
    tell: Callable[[str], None] = lambda line: None,
) -> Export:
    """Exports a checkpoint, with a description beside the file.

    Args:
        cfg: see docs/config.md; `model` and `runner` are needed.
        checkpoint: as for `apis.test.test`.
        format: of EXPORTERS: 'MINDIR', 'AIR', 'ONNX', or one of your own.
        out: the file; default: beside the checkpoint, under its name with the format's
            extension.
        batch_size: clips a call; None leaves it open.
        clip_len: frames of a clip; default: as the config's test pipeline samples, or 64.
        size (int or (width, height)): of the frames; default: as the config's test pipeline crops,
        or 224.
        input: 'uint8': clips as data sets give them, and the file holds the preprocessing; or
            'float32'.
        device, device_id: where MindSpore works.
        precision: 'float32', or 'int8' of OPENVINO.
        calibrate: for int8: a folder of videos, or 'train', 'val' or 'test' of the config's data.
        clips: how many of them ranges are read off.
        tell: gets a line that says what is calibrated on.

    Returns: Export(path, info (the description), exporter, network).
    Raises: an I3DBoxError before anything expensive, where what is wrong can be known then.
    """
    check_config(cfg, ('model', 'runner'))
    check_joint(cfg)
    format = format if isinstance(format, dict) else dict(type=format)
    exporter = EXPORTERS.build(_with_precision(format, precision, calibrate))
    name = format['type']
    _check_exporter(exporter, name, batch_size, input)
    clip_len, *size = clip_size(cfg, clip_len, size)
    at_least_one('export', clip_len=clip_len)
    clip = tuple(map(int, (clip_len, *as_size('export', size))))
    out = _out_path(out, cfg, checkpoint, exporter.extension)
    held_out = None
    if precision == 'int8':
        exporter.check('CPU')  # before clips are read
        found = calibration_clips(cfg, calibrate, _clip_inputs(cfg, clip), clips)
        exporter.calibration = found.calibration
        if input == 'float32':
            exporter.calibration = [_normalized(cfg, one) for one in found.calibration]
        held_out = found.held_out
        tell(f'calibrating on {found.text}; {len(held_out)} clips of others are held out')
    check = getattr(exporter, 'check', None)
    recognizer, _ = build_network(cfg, device, device_id, check, initialize=False)
    specs = _inputs(recognizer, batch_size, clip, input)
    _check_size(recognizer, clip)
    reports = load_weights(recognizer, checkpoint, new_head='never')
    classes = classes_of(reports, recognizer.num_classes, cfg, ExportError)
    network = clip_network(recognizer, input == 'float32')
    examples = {
        spec['name']: np.zeros([size or 1 for size in spec['shape']], spec['dtype'])
        for spec in specs
    }
    with atomic_path(out) as temporary:
        facts = exporter.export(network, examples, temporary, batch_size is None)
        weights = weights_path(temporary)
        if weights and os.path.isfile(weights):
            os.replace(weights, weights_path(out))
    info = dict(
        format=name,
        inputs=specs,
        output=dict(
            name='logits',
            shape=[batch_size, recognizer.num_classes],
            dtype='float32',
            values=ANSWERS[getattr(recognizer, 'average_clips', 'score')],
        ),
        num_classes=recognizer.num_classes,
        classes=classes,
        modality=recognizer.modality,
        protocol=_protocol(cfg, clip, recognizer.modality),
        checkpoints=_checkpoints(checkpoint, reports),
        versions=dict(i3dbox=__version__, mindspore=ms.__version__),
    )
    if facts:
        info[str(name).lower()] = facts
    write_sidecar(out, info)
    return Export(out, info, exporter, network, held_out)


def _with_precision(format, precision, calibrate):
    """Returns the exporter's config for a precision."""
    takes = 'precision' in parameters_of(EXPORTERS.get(format['type']))[0]
    if precision != 'float32' and not takes:
        raise ExportError(f'{format["type"]} files are of float32; --format OPENVINO has int8')
    if precision == 'int8' and not calibrate:
        raise ExportError(
            'int8 takes clips that ranges are read off: --calibrate FOLDER, of videos, or train, '
            "of the config's data"
        )
    if calibrate and precision != 'int8':
        raise ExportError('--calibrate is for --precision int8')
    return dict(format, precision=precision) if takes else format


def _clip_inputs(cfg, clip):
    """Returns the modality and size of each input of a config's model, as calibration_clips takes
    them.
    """
    if set(BOTH) <= set(cfg.model):
        return {name: (MODALITIES[name], clip) for name in BOTH}
    return dict(imgs=(cfg.model.get('modality', 'RGB'), clip))


def _normalized(cfg, clips):
    """Returns clips (uint8, by input) as a network without its preprocessing takes them."""
    normalize = normalizations_of(cfg.model, clips)
    return {name: normalize[name](array) for name, array in clips.items()}


def _check_exporter(exporter, name, batch_size, input):
    if not getattr(exporter, 'extension', None) or not callable(getattr(exporter, 'export', None)):
        raise ExportError(
            f'the exporter {name} lacks extension or export(network, inputs, path, dynamic); see '
            'i3dbox/exporters/__init__.py'
        )
    if input not in LAYOUTS:
        raise ExportError(f"input is 'uint8' or 'float32'; got {input!r}")
    if batch_size is None and not getattr(exporter, 'dynamic_batch', BaseExporter.dynamic_batch):
        raise ExportError(f'{name} files have a fixed batch size; give --batch-size a number')
    at_least_one('export', batch_size=1 if batch_size is None else batch_size)


def _out_path(out, cfg, checkpoint, extension):
    if out is None:
        path = checkpoint['rgb'] if isinstance(checkpoint, dict) else str(checkpoint)
        folder, name = os.path.split(path.removeprefix(PREFIX))
        if isinstance(checkpoint, dict):
            name = os.path.basename(cfg.filename or 'two_stream')
        out = os.path.join(folder, os.path.splitext(name)[0] + extension)
    if os.path.splitext(out)[1] != extension or os.path.isdir(out):
        raise ExportError(f'the exported file must end in {extension}; got {out}')
    check_writable(out)
    return out


def _inputs(recognizer, batch_size, clip, dtype):
    """Returns the inputs' descriptions, for clips of (frames, height, width)."""
    modalities = dict(zip(recognizer.inputs, recognizer.modality.split('+')))
    specs = []
    for name, modality in modalities.items():
        channels = CHANNELS[modality]
        shape = [*clip, channels] if dtype == 'uint8' else [channels, *clip]
        specs.append(
            dict(
                name=name,
                shape=[batch_size, *shape],
                dtype=dtype,
                layout=LAYOUTS[dtype],
                modality=modality,
                values=_values(modality, dtype, recognizer.streams.get(name)),
            )
        )
    return specs


def _values(modality, dtype, stream):
    """Says what the numbers of an input are."""
    if dtype == 'uint8':
        return VALUES[modality]
    normalization = getattr(stream, 'normalization', SYMMETRIC)
    if modality == 'RGB':
        return f'red, green, blue as {normalization}'
    if normalization == SYMMETRIC:
        return 'flow x, y cut to [-bound, bound] and divided by bound'
    return f'flow x, y cut to [-bound, bound], which is v from 0 to 255, as {normalization}'


def _check_size(recognizer, clip):
    channels = [CHANNELS[modality] for modality in recognizer.modality.split('+')]
    try:
        recognizer.check_input(*[np.broadcast_to(np.uint8(0), (1, 1, *clip, c)) for c in channels])
    except ModelError as error:
        raise ExportError(
            'the model cannot take clips of {} frames of {} x {} (--clip-len, --size): {}'.format(
                *clip, str(error).replace('the pipeline gives', 'got')
            )
        ) from error


def _protocol(cfg, clip, modality):
    """Returns how clips are made, as far as the config says."""
    parts = pipelines(look_up(cfg, 'data.test') or {})
    steps = [step for pipeline in parts.values() for step in pipeline]
    protocol = dict(clip_len=clip[0], size=list(clip[1:]))
    if steps:
        sampled = (step.get('frame_interval', 1) for step in steps if step.get('clip_len'))
        protocol['frame_interval'] = next(sampled, 1)
    if 'RGB' in modality:
        protocol['channels'] = 'RGB'
    if 'Flow' in modality:
        protocol['flow_bound'] = next((s['bound'] for s in steps if s.get('bound')), 20)
    for name, pipeline in parts.items():
        if pipeline:
            protocol['test_pipeline' if name == 'imgs' else f'{name}_test_pipeline'] = [
                dict(step) for step in pipeline
            ]
    return protocol


def _checkpoints(checkpoint, reports):
    streams = list(checkpoint) if isinstance(checkpoint, dict) else [None]
    found = []
    for stream, report in zip(streams, reports):
        path = str(local_path(report.path))
        origin = {key: report.meta[key] for key in ('source', 'licence') if report.meta.get(key)}
        found.append(
            dict(stream=stream, file=os.path.basename(path), sha256=sha256(path), **origin)
        )
    return found


class Verification(NamedTuple):
    """What verification found.

    Attributes:
        clips: which they were.
        absolute: the largest difference.
        relative: that of a clip, divided by the clip's largest logit.
        median: the same of the median clip.
        same_top5: for each clip, in order.
        same_first: how many clips have the same first class.
        sure: how many of the others the network was sure of: by 5 points of probability or more.
        number: clips.
        tolerance: ('absolute' or 'relative', number).
        engine: what computed the file.
    """

    clips: str
    absolute: float
    relative: float
    median: float
    same_top5: bool
    same_first: int
    sure: int
    number: int
    tolerance: tuple[str, float]
    engine: str = ''

    @property
    def is_close(self) -> bool:
        return bool(getattr(self, self.tolerance[0]) <= self.tolerance[1])  # False for NaN, too

    @property
    def passed(self) -> bool:
        return self.is_close and not self.sure


def verifying_runtime(extension: str) -> str:
    """Returns the runtime that files of an extension are verified in: their own, or where that is
    not installed another one. Raises ExportError where none is, which can be known before a file
    is written.
    """
    own = {'.mindir': 'mindspore', '.onnx': 'onnxruntime'}.get(extension)
    if own and BACKENDS[own].is_installed():
        return own
    return choose_backend('auto', extension, RunOptions())


def verify(exported: Export, cfg: Config, count: int = 3) -> Verification:
    """Runs an exported file in verifying_runtime, and the network that it was made of, on the same
    clips.

    Args:
        exported (Export): what `export` returned.
        cfg: its test set gives the clips, where it is there; else they are random. A file in int8
            is held against those that it was not calibrated on.
        count: clips.

    Returns: Verification.
    Raises: ExportError where no runtime here runs such files.
    """
    extension = os.path.splitext(exported.path)[1]
    runtime = verifying_runtime(extension)
    on_ascend = runtime == 'mindspore' and ms.get_context('device_target') == 'Ascend'
    model = load_exported(exported.path, runtime, 'ascend' if on_ascend else 'cpu')
    specs = exported.info['inputs']
    if exported.held_out:
        clips = [np.concatenate([one[spec['name']] for one in exported.held_out]) for spec in specs]
        text = f'{len(exported.held_out)} clips of videos that it was not calibrated on'
    else:
        clips, text = _clips(cfg, specs, count)
    if specs[0]['dtype'] == 'float32':
        names = [spec['name'] for spec in specs]
        clips = list(_normalized(cfg, dict(zip(names, clips))).values())
    expected = np.concatenate(
        [
            exported.network(*(ms.Tensor(row[None]) for row in rows)).asnumpy()
            for rows in zip(*clips)
        ]
    )
    found = model(*clips)
    if specs[0]['shape'][0] is None:  # one clip is another batch size
        found = np.concatenate([found, model(*[array[:1] for array in clips])])
        expected = np.concatenate([expected, expected[:1]])
        text += ', and on the first by itself'
    return Verification(
        text,
        *compare(found, expected),
        tuple(getattr(exported.exporter, 'tolerance', BaseExporter.tolerance)),
        model.engine,
    )


def compare(found: np.ndarray, expected: np.ndarray) -> tuple:
    """Returns of logits, N x classes each, what Verification has of them, from `absolute` to
    `number`.
    """
    differences = np.abs(found - expected).max(1)
    scale = np.maximum(np.abs(expected).max(1), np.finfo(np.float32).tiny)
    top5 = [np.argsort(-logits, 1, 'stable')[:, :5] for logits in (found, expected)]
    probabilities = np.sort(softmax(expected), 1)
    others = top5[0][:, 0] != top5[1][:, 0]
    sure = others & (probabilities[:, -1] - probabilities[:, -2:-1].sum(1) > SURE)
    return (
        float(differences.max()),
        float((differences / scale).max()),
        float(np.median(differences / scale)),
        bool(np.array_equal(*top5)),
        int((~others).sum()),
        int(sure.sum()),
        len(expected),
    )


def _clips(cfg, specs, count):
    """Returns uint8 clips for each input, N x T x H x W x C, and what they are."""
    shapes = [
        spec['shape'][1:] if spec['dtype'] == 'uint8' else [*spec['shape'][2:], spec['shape'][1]]
        for spec in specs
    ]
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 256, (count, *shape), np.uint8) for shape in shapes]
    if not cfg.get('data'):
        return drawn, f'{count} random clips, as the model comes with no data'
    try:
        cfg = copy.deepcopy(cfg)
        fixed_length(cfg)
        dataset = DATASETS.build(cfg.data.test, test_mode=True)
        samples = (
            dataset.get(index, sample_rng(0, 0, index))[0]
            for index in range(min(count, len(dataset)))
        )
        loaded = [results for results in samples if results is not None]
        if not loaded:
            raise ExportError('it has no readable sample')
        for spec, shape in zip(specs, shapes):
            sizes = [
                ' x '.join(map(str, size)) for size in (loaded[0][spec['name']][0].shape, shape)
            ]
            if sizes[0] != sizes[1]:
                raise ExportError(f'its clips are {sizes[0]}, the file takes {sizes[1]}')
        names = ', '.join(results['name'] for results in loaded)
        clips = [np.stack([results[spec['name']][0] for results in loaded]) for spec in specs]
        return clips, f'{len(loaded)} clips of the test set ({names})'
    except (I3DBoxError, OSError, KeyError) as error:
        return drawn, f'{count} random clips, as the test set cannot be used: {error}'
