"""The files of one video's answer, written while it is recognised."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ..fileio import atomic_path
from ..visualization.labelled_video import LabelledVideo
from .prediction_files import FORMATS

if TYPE_CHECKING:
    import numpy as np

    from ..media.frame_iterator import FrameIterator
    from .clip_windows import Window
    from .recognize import Prediction
    from .recognizer import VideoRecognizer

MOST_SHOWN = 5  # classes in the labelled video


class AnswerFiles:
    """Writes the labelled video (.mp4) and the answers (.json, .csv), each under a temporary name
    until `stack` is left without an error.

    Args:
        paths: of the files, by whose extensions they are known.
        recognizer, frames: what looks, and what it looks at.
        window, stride: frames of a window, and from one to the next.
        top: classes a window.
        source: what the video is called in them; default: its path.
    """

    def __init__(
        self,
        stack: contextlib.ExitStack,
        paths: list[str],
        recognizer: VideoRecognizer,
        frames: FrameIterator,
        window: int,
        stride: int,
        top: int,
        source: str | None = None,
    ):
        info = dict(
            source=frames.path if source is None else source,
            model=recognizer.name,
            engine=recognizer.engine,
            stream=recognizer.stream,
            window=window,
            stride=stride,
            **({'frame_interval': recognizer.interval} if recognizer.interval > 1 else {}),
            fps=frames.fps,
            whole='mean over the windows',
        )
        seconds = frames.total / frames.fps if frames.total and frames.fps else None
        self.videos = []
        self.answers = []
        for path in paths:
            temporary = stack.enter_context(atomic_path(path))
            extension = os.path.splitext(path)[1].lower()
            if extension in FORMATS:
                written = FORMATS[extension](temporary, info, top)
                self.answers.append(written)
            else:
                shown = min(top, MOST_SHOWN)
                written = LabelledVideo(
                    temporary, frames.fps, stride, shown, seconds, recognizer.bound
                )
                self.videos.append(written)
            stack.callback(written.discard)

    def watch(self, time: float, frame: np.ndarray) -> None:
        """Takes a frame as it is read."""
        for video in self.videos:
            video.watch(time, frame)

    def add(self, window: Window, answer: Prediction) -> None:
        """Takes the answer to a window."""
        for video in self.videos:
            video.add(window, answer)
        for answers in self.answers:
            answers.add(answer)

    def close(self, total: Prediction, complete: bool) -> None:
        """Takes the answer to the whole, and whether it was seen to its end; ends the files."""
        for video in self.videos:
            video.close(complete)
        for answers in self.answers:
            answers.close(total, complete)
