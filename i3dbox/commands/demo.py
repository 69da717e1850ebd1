"""Recognise what happens in a video, in each video of a folder, or before a camera."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import os
import pickle
import sys
from typing import TYPE_CHECKING

from . import arguments

if TYPE_CHECKING:
    from ..inference.recognize import Prediction, Total
    from ..inference.recognizer import VideoRecognizer
    from ..interrupts import Interrupts
    from ..media.frame_iterator import FrameIterator
    from ..preparation.sources import Source

EXTENSIONS = ('.mp4', '.json', '.csv')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'source',
        metavar='SOURCE',
        help="a video, a folder or a .txt list of videos, a camera's number, an address (rtsp://, "
        'http://), or - for the standard input',
    )
    arguments.add_recognizer_arguments(parser)
    arguments.add_number(parser, '--top', 'classes', default=5)
    arguments.add_number(
        parser,
        '--window',
        "frames of a window, the config's frame_interval apart; default: those that the "
        'network was made for (64)',
    )
    arguments.add_number(
        parser,
        '--stride',
        'frames of the video from one window to the next; default: half of what one spans',
    )
    arguments.add_fps_argument(parser)
    parser.add_argument(
        '--method', help='of flow: tvl1, dis, farneback; default: tvl1, or what the config says'
    )
    parser.add_argument(
        '--out',
        nargs='+',
        default=[],
        metavar='FILE',
        help='.mp4 (the video with what was recognised), .json, .csv; of a folder of videos they '
        'become folders with a file a video, and .json and .csv also a file with a row a video',
    )
    arguments.add_engine_arguments(parser, exported=True)
    arguments.add_device_arguments(parser)
    arguments.add_ray_argument(parser)
    arguments.add_cfg_options(parser)


def run(args: argparse.Namespace) -> int:
    from ..errors import ConfigError, I3DBoxError
    from ..interrupts import interruptible
    from ..preparation.sources import is_list

    folder = os.path.isdir(args.source) or is_list(args.source)
    if args.ray is not None and not folder:
        raise ConfigError('--ray is for a folder or a .txt list of videos')
    check_outs(args.out, args.source, folder)
    sources = sources_of(args.source, folder)
    arguments.check_method(args.method)
    if args.ray is not None:
        return run_on_cluster(sources, args)
    opened = None if folder else frames_of(args.source, args)  # a camera, before weights are read
    recognizer = prepared(args)
    complete = True
    rows = []
    for number, (name, source) in enumerate(sources):
        outs = args.out
        if folder:
            outs = outs_of(name, args)
            print(f'{"" if number == 0 else os.linesep}{source}')
        try:
            with interruptible() as interrupts:
                frames = opened or frames_of(source, args)
                answer, complete = recognize(recognizer, frames, outs, args, interrupts)
        except I3DBoxError as error:
            if not folder:
                raise
            rows.append((name, source, str(error)))
            print(f'cannot be recognised: {error}', file=sys.stderr)
            continue
        rows.append((name, source, answer))
        if not complete:
            break
    if folder:
        summarize(rows, args.out, recognizer.name, recognizer.engine)
    if not complete:
        return 130
    return count(rows) if folder else 0


def run_on_cluster(sources: list[tuple[str, str]], args: argparse.Namespace) -> int:
    """Recognises each (name, path) on a machine of the cluster that --ray names, prints the answers
    when all are there, and returns the exit status.
    """
    from ..preparation.jobs import run_jobs
    from ..preparation.sources import Source

    pool = arguments.pool_of(args, network=True)
    words = pickle.dumps(args)
    model, engine = pool.ask(_described, words)
    print(f'{model}, computed by {engine}', flush=True)
    out = os.path.dirname(os.path.abspath(args.out[0])) if args.out else None
    if out:
        os.makedirs(out, exist_ok=True)
    videos = [Source(name, path) for name, path in sources]
    work = functools.partial(_recognize_there, words)
    done = run_jobs(work, videos, pool, 'recognising', out=out)
    reasons = {failure.name: failure.reason for failure in done.failures}
    rows = []
    for name, path in sources:
        text, answer = done.results.get(name) or (None, reasons.get(name))
        print(f'{os.linesep if rows else ""}{path}')
        if text is None:
            print(f'cannot be recognised: {answer}', file=sys.stderr)
        else:
            print(text, end='')
        rows.append((name, path, answer))
    summarize(rows, args.out, model, engine)
    return count(rows)


@functools.lru_cache(1)
def _loaded(words):
    """Returns the arguments and the recognizer of this process, which is loaded once."""
    args = pickle.loads(words)
    return args, prepared(args)


def _described(words):
    _, recognizer = _loaded(words)
    return recognizer.name, recognizer.engine


def _recognize_there(words: bytes, source: Source, threads: int):
    """Returns the number of frames; and what is to be printed, with the answer."""
    from ..interrupts import Interrupts

    args, recognizer = _loaded(words)
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        outs = outs_of(source.name, args)
        frames = frames_of(source.path, args)
        answer, _ = recognize(recognizer, frames, outs, args, Interrupts())
    return answer.last, (text.getvalue(), answer)


def prepared(args: argparse.Namespace) -> VideoRecognizer:
    """Returns the recognizer, when it has been told what it cannot do: not of each video of a
    folder.
    """
    recognizer = arguments.recognizer_of(args)
    recognizer.cutter(args.window, args.stride, **cutter_options(args)).close()
    return recognizer


def outs_of(name: str, args: argparse.Namespace) -> list[str]:
    """Returns the files of a video of a folder."""
    parts = map(os.path.splitext, args.out)
    return [os.path.join(stem, name + extension) for stem, extension in parts]


def count(rows: list[tuple]) -> int:
    """Says how many videos of a folder were recognised; returns the exit status."""
    failed = sum(isinstance(answer, str) for *_, answer in rows)
    print(f'\n{len(rows) - failed} of {len(rows)} videos recognised')
    return 1 if failed else 0


def sources_of(source: str, folder: bool) -> list[tuple[str | None, str]]:
    """Returns (name, path) of each video of a folder, or of the one source. Raises DataError where
    there is none.
    """
    from ..errors import DataError
    from ..preparation.sources import find_videos

    if folder:
        return [(found.name, found.path) for found in find_videos(source)]
    from ..media.network_stream import is_address

    named = is_camera(source) or source == '-' or is_address(source)
    if not named and not os.path.exists(source):
        raise DataError(f'{source}: there is no such file or folder')
    return [(None, source)]


def frames_of(source: str, args: argparse.Namespace) -> FrameIterator:
    """Opens a source."""
    from ..media.frame_iterator import FrameIterator

    return FrameIterator(int(source) if is_camera(source) else source, args.fps)


def is_camera(source: str) -> bool:
    return source.isdecimal() and not os.path.exists(source)


def cutter_options(args: argparse.Namespace) -> dict:
    return {'method': args.method} if args.method else {}


def check_outs(outs: list[str], source: str, folder: bool = False) -> None:
    """Raises ConfigError for outputs that cannot be written, before anything is read."""
    from ..errors import ConfigError
    from ..fileio import check_writable

    for path in outs:
        if os.path.splitext(path)[1].lower() not in EXTENSIONS:
            raise ConfigError(f'--out files end in {", ".join(EXTENSIONS)}; got {path}')
        if os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
            raise ConfigError(f'--out {path} is the video itself')
        if folder:
            inside = os.path.join(os.path.realpath(os.path.splitext(path)[0]), '')
            if inside.startswith(os.path.join(os.path.realpath(source), '')):
                raise ConfigError(
                    f'--out {path} becomes a folder that is or lies in {source}, whose videos '
                    'would be overwritten: name another'
                )
        if not folder or not path.lower().endswith('.mp4'):
            check_writable(path)
    if len({os.path.abspath(path) for path in outs}) < len(outs):
        raise ConfigError('--out names a file twice')


def recognize(
    recognizer: VideoRecognizer,
    frames: FrameIterator,
    outs: list[str],
    args: argparse.Namespace,
    interrupts: Interrupts,
) -> tuple[Prediction, bool]:
    """Recognises one source: prints each window's classes and the whole's, and writes the outputs.

    Ctrl-C ends it: what is written then is whole as far as it goes. Returns the Prediction to all
    of it, and whether the end was reached.
    """
    from ..inference.answer_files import AnswerFiles
    from ..inference.recognize import Total, bar, recognize_windows

    window = args.window or recognizer.window
    stride = args.stride or recognizer.stride(window)
    total = Total(recognizer, frames.name)
    complete = True
    with contextlib.ExitStack() as stack:
        writers = AnswerFiles(stack, outs, recognizer, frames, window, stride, args.top)
        shown = stack.enter_context(bar(frames))
        answers = recognize_windows(
            recognizer,
            frames,
            args.window,
            args.stride,
            watch=writers.watch,
            **cutter_options(args),
        )
        try:
            for clip, answer in answers:
                with interrupts.hold():
                    total.add(answer)
                    writers.add(clip, answer)
                    shown.write(window_line(answer, args.top), file=sys.stdout)
                    shown.update(max(answer.last - shown.n, 0))
        except KeyboardInterrupt:
            if not total.count:
                raise
            interrupts.over()
            complete = False
        # one that comes now comes too late
        with contextlib.suppress(KeyboardInterrupt), interrupts.hold():
            answers.close()
            writers.close(total.answer, complete and not frames.damage)
            stack.close()
    print_whole(total, frames, complete, args.top)
    for path in outs:
        print(f'{path} written')
    return total.answer, complete


def summarize(rows: list[tuple], outs: list[str], model: str, engine: str) -> None:
    """Writes a row for each video of a folder into the .json and .csv of `outs`."""
    from ..inference.prediction_files import FORMATS, summary_row, write_summary

    table = [summary_row(*row) for row in rows]
    for path in outs:
        if os.path.splitext(path)[1].lower() in FORMATS:
            write_summary(path, table, model=model, engine=engine)
            print(f'{path} written')


def print_whole(total: Total, frames: FrameIterator, complete: bool, top: int) -> None:
    """Prints the classes of all windows, and what is wrong with the video."""
    whole = total.answer
    sys.stderr.flush()
    if frames.damage:
        print(f'{frames.path}: {frames.damage}', file=sys.stderr)
    print(
        f'{"the whole video" if complete else "until the interruption"}: '
        f'{(whole.end - whole.start):.1f} s, mean over {total.count} '
        f'window{"s" * (total.count > 1)}'
    )
    for _, name, probability in whole.top(top):
        print(f'  {probability:6.1%}  {name}')


def window_line(answer: Prediction, top: int) -> str:
    """Returns a window's line: '0:00.0 - 0:02.6  waving 0.93, clapping 0.04'."""
    from ..visualization.labelled_video import clock

    classes = ', '.join(f'{name} {probability:.2f}' for _, name, probability in answer.top(top))
    return f'{clock(answer.start)} - {clock(answer.end)}  {classes}'
