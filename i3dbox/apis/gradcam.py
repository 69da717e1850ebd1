"""Where a network looks in a video for a class, as arrays and as a video."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..fileio import atomic_path, check_writable
from ..inference.gradcam import VideoHeat, find_heat, label_of
from ..inference.model_spec import ModelSpec
from ..inference.recognizer import load_recognizer
from ..interrupts import interruptible
from ..media.frame_iterator import FrameIterator
from ..models.i3d_table import LOGITS

if TYPE_CHECKING:
    from ..inference.recognizer import VideoRecognizer

TITLES = {'rgb': 'RGB', 'flow': 'flow'}


def gradcam(
    model: str | dict | VideoRecognizer,
    video: Any,
    class_name: str | int | None = None,
    endpoint: str | None = None,
    out: str | None = None,
    progress: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    **loading,
) -> VideoHeat:
    """Finds where a network looks in a video for a class (Grad-CAM: Selvaraju et al., arXiv
    1610.02391), and draws it.

        found = i3dbox.gradcam('i3d_rgb_kinetics400', 'a.mp4', out='a_heat.mp4')
        found.name, found.streams['rgb'].heat      # float32 F x H x W, from 0 to 1

    Args:
        model: of init_recognizer, or the name of a model of the zoo, or arguments of
            ModelSpec.resolve.
        video: a file that FFmpeg reads, or RGB frames, uint8 F x H x W x 3; up to 10000 frames.
        class_name: a class's name or number; default: the surest of the whole video.
        endpoint: a layer, as Mixed_5c (7 x 7 cells at 224 x 224) or Mixed_4f (14 x 14); default:
            the backbone's last.
        out: an .mp4 to be written, see write_heat_video.
        progress: show a bar, on a terminal.
        tell: gets a line that says what computes.
        **loading: of load_recognizer, where the model is named: device, device_id, engine.

    Returns: VideoHeat.
    Raises: an I3DBoxError for what is not there or does not fit, before anything is computed; then
        nothing is written.
    """
    if out is not None:
        check_out(out, video)
    spec = None if hasattr(model, 'cutter') else _spec_of(model)
    if endpoint == LOGITS:
        raise ConfigError(
            'Logits have no place in the frame: endpoint is a layer before them, as Mixed_5c'
        )
    if spec and class_name is not None and spec.known_classes:
        label_of(class_name, spec.known_classes)
    frames = video if isinstance(video, FrameIterator) else FrameIterator(video)
    with interruptible(), contextlib.closing(frames):
        recognizer = load_recognizer(spec, **loading) if spec else model
        tell(f'{recognizer.name}, computed by {recognizer.engine}')
        found = find_heat(recognizer, frames, class_name, endpoint, progress)
        if out is not None:
            write_heat_video(out, found)
    if found.damage:
        warnings.warn(f'{frames.path}: {found.damage}', stacklevel=2)
    return found


def _spec_of(model):
    spec = ModelSpec.resolve(**model) if isinstance(model, dict) else ModelSpec.resolve(model)
    if spec.exported:
        raise ConfigError(
            f'{spec.exported} is exported, and Grad-CAM differentiates the network: name the model '
            'of the zoo (--model), or the config and checkpoint (--config, --checkpoint), that it '
            'came from'
        )
    return spec


def check_out(out: str, video: Any) -> None:
    """Raises ConfigError for an output that cannot be written, before anything is read."""
    if os.path.splitext(out)[1].lower() != '.mp4':
        raise ConfigError(f'out is a file that ends in .mp4; got {out}')
    if isinstance(video, (str, os.PathLike)) and os.path.exists(out) and os.path.exists(video):
        if os.path.samefile(out, video):
            raise ConfigError(f'{out} is the video itself: name another')
    check_writable(out)


def write_heat_video(path: str, found: VideoHeat) -> None:
    """Writes an .mp4: each frame as the network sees it, beside it each stream's heat over it, and
    the class. It appears when it is whole. Raises DataError where it cannot be written.
    """
    from ..visualization.heat import as_pictures, heat_picture
    from ..visualization.labelled_video import VideoWriter

    streams = {
        f'{TITLES[name]} as the network sees it, and where it looks ({found.endpoint})': stream
        for name, stream in found.streams.items()
    }
    pictures = {title: as_pictures(stream.frames, found.bound) for title, stream in streams.items()}
    name = f'{found.name}  {100 * found.probability:.0f} %'
    with atomic_path(path) as temporary, contextlib.ExitStack() as stack:
        writer = None
        for number, time in enumerate(found.times):
            picture = heat_picture(
                {title: part[number] for title, part in pictures.items()},
                {title: stream.heat[number] for title, stream in streams.items()},
                name,
                time,
            )
            if writer is None:
                fps = found.fps if 1 <= found.fps <= 120 else 25.0
                writer = VideoWriter(temporary, *picture.shape[:2], fps)
                stack.callback(writer.discard)
            writer.write(time, picture)
        writer.close()
