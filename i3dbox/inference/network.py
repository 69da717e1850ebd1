"""A config's network on its device, before it has weights, and the config of plain I3D."""

from ..config import Config
from ..engine.build import build_runner
from ..models import build_recognizer
from ..streams import MODALITIES

RUNNERS = dict(CPU=dict(type='CPURunner'), Ascend=dict(type='Ascend910Runner'))


def plain_i3d(classes):
    """Returns the Config of the authors' network; classes (dict): stream -> number of classes, one
    or both streams.
    """
    parts = {
        name: dict(
            type='Recognizer3D',
            modality=MODALITIES[name],
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=number),
        )
        for name, number in classes.items()
    }
    model = (
        dict(parts, type='TwoStreamRecognizer') if len(parts) == 2 else next(iter(parts.values()))
    )
    return Config(dict(model=model, runner=RUNNERS))


def build_network(cfg, device='auto', device_id=None, check=None):
    """Builds the network of a config that check_config has passed, the device first.

    Between this and weights.loading.load_weights the caller looks whether all fits; behind it
    stands the runner's mixed_precision, where that is wanted.

    Args:
        device (str), device_id (int): 'CPU', 'Ascend' or 'auto', and which.
        check (callable): takes the device's name, before anything is built.

    Returns: the recognizer and its runner.
    """
    runner = build_runner(cfg.runner, device, device_id)
    if check:
        check(runner.device_target)
    runner.setup(cfg.get('seed', 0))
    return build_recognizer(cfg.model), runner
