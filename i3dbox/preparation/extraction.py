"""Folders of images out of videos or frames, in the original's layout."""

from __future__ import annotations

import functools
import json
import os
from typing import TYPE_CHECKING, NamedTuple

from ..errors import DataError
from ..fileio import atomic_folder, atomic_write
from ..media.frame_names import frame_names
from ..plain_json import read_json
from ..workers import count_frame
from .images import IMAGES
from .jobs import run_jobs

if TYPE_CHECKING:
    from .pools import Pool
    from .sources import Source

SETTINGS = 'extraction.json'
COUNT = 'n_frames'


class Extraction(NamedTuple):
    """What `extract` did: made and present (numbers of videos), frames (made), failures (list of
    jobs.Failure).
    """

    made: int
    present: int
    frames: int
    failures: list


def extract(
    modality: str, sources: list[Source], out: str, workers: int | Pool, **settings
) -> Extraction:
    """Makes the folder `out`/<name> of each source: image_00001.jpg, ..., for flow image_00001x.jpg
    and image_00001y.jpg, and a file `n_frames` with their number.

    A folder appears when it is whole. Those that are there are left as they are, so that the same
    call goes on after a kill. `out` also gets a file with the settings, and other settings are
    refused there later.

    Args:
        modality: 'RGB' or 'Flow'.
        sources: what to extract.
        out: the folder.
        workers: see jobs.run_jobs.
        **settings: of images.rgb_images or images.flow_images.

    Returns:
        Extraction.

    Raises:
        DataError: other settings were used for `out`; the disk is full.
    """
    for source in sources:
        made = os.path.realpath(os.path.join(out, source.name))
        if os.path.realpath(source.path).startswith(made):
            raise DataError(
                f'{out} holds what is read ({source.path}): name another folder for what is made'
            )
    keep_settings(out, dict(modality=modality, **settings))
    missing = [
        source for source in sources if not _is_whole(modality, os.path.join(out, source.name))
    ]
    title = {'RGB': 'extracting frames', 'Flow': 'computing flow'}[modality]
    work = functools.partial(_extract, modality, out, settings)
    done = run_jobs(work, missing, workers, title, out=out)
    return Extraction(len(done.results), len(sources) - len(missing), done.frames, done.failures)


def _extract(modality, out, settings, source, threads):
    path = os.path.join(out, source.name)
    try:
        return _write_images(IMAGES[modality](source, threads, **settings), modality, path)
    except FileExistsError:
        if _is_whole(modality, path):  # another process was quicker
            return 0, None
        if os.path.exists(path):
            raise DataError(
                f'{path} is there already, and was not made by this command (it lacks {COUNT} or '
                'its first image): remove it, or name another folder'
            ) from None
        raise


def _is_whole(modality, path):
    return all(
        os.path.isfile(os.path.join(path, name)) for name in (COUNT, *frame_names(modality, 1))
    )


def _write_images(images_of_frames, modality, path):
    number = 0
    with atomic_folder(path) as folder:
        for number, images in enumerate(images_of_frames, 1):
            for name, data in zip(frame_names(modality, number), images):
                with open(f'{folder}/{name}', 'wb', buffering=0) as file:
                    file.write(data)
            count_frame()
        with open(os.path.join(folder, COUNT), 'w', encoding='utf-8') as file:
            file.write(str(number))
    return number, None


def keep_settings(
    out: str, settings: dict, file: str = SETTINGS, unsaid: dict | None = None
) -> None:
    """Writes what `out` is made with to a file in it. Raises DataError if it was begun with
    anything else.

    Args:
        unsaid: what files of earlier versions do not say, and meant.
    """
    path = os.path.join(out, file)
    settings = json.loads(json.dumps(settings))
    try:
        known = {**(unsaid or {}), **read_json(path, {})}
    except FileNotFoundError:
        atomic_write(path, json.dumps(settings, indent=1) + '\n')
        return
    except (OSError, ValueError) as error:
        raise DataError(f'{path}: cannot be read: {error}') from error
    for key in {**settings, **known}:
        if known.get(key) != settings.get(key):
            raise DataError(
                f'{out} was begun with {key}={known.get(key)!r}, and this is '
                f'{settings.get(key)!r}: name another folder, or remove this one'
            )
