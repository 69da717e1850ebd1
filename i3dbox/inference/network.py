"""A config's network on its device, without weights and with them."""

from ..engine.build import build_runner
from ..errors import ConfigError
from ..models import build_recognizer
from ..streams import BOTH
from ..weights.loading import load_weights


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
    return build_recognizer(cfg.model, cfg.get('seed', 0)), runner


def load_network(spec, device='auto', device_id=None, new_head='never', pretrained=True):
    """Loads the network that a ModelSpec names.

    Args:
        new_head (str): of load_weights: 'if_needed' where no logits are wanted.
        device (str), device_id (int): 'CPU', 'Ascend' or 'auto', and which.
        pretrained (bool): with the spec's weights; else with those that training starts from.

    Returns: the recognizer; the recognizers of its single streams, as far as the spec uses them, by
        'rgb' and 'flow'; and the list of LoadReport.
    """
    if spec.exported:
        raise ConfigError(
            f'{spec.exported} is exported, in one piece: for its features, figures or another '
            'export, name the model of the zoo, or the config and checkpoint, that it came from'
        )
    network, runner = build_network(spec.cfg, device, device_id)
    reports = load_weights(network, spec.checkpoint, new_head) if pretrained else []
    runner.mixed_precision(network)
    found = {
        name if name in BOTH else network.modality.lower(): stream
        for name, stream in network.streams.items()
    }
    return network, {name: found[name] for name in spec.streams}, reports
