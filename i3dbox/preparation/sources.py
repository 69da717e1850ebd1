"""What there is to prepare: the videos or the folders of frames below a folder."""

from __future__ import annotations

import collections
import logging
import os
from collections.abc import Sequence
from typing import NamedTuple

from ..datasets.base import names_of_videos
from ..errors import DamagedSampleError, DataError
from ..media.frame_folder import FrameFolder
from ..media.frame_names import frame_names, known_names, likely_names, several_names

logger = logging.getLogger(__name__)

VIDEO_EXTENSIONS = (
    '.avi',
    '.mp4',
    '.mkv',
    '.webm',
    '.mov',
    '.m4v',
    '.mpg',
    '.mpeg',
    '.wmv',
    '.flv',
    '.3gp',
    '.ts',
    '.mts',
    '.m2ts',
    '.ogv',
    '.gif',
    '.vob',
    '.asf',
    '.f4v',
    '.mxf',
    '.divx',
    '.m2v',
    '.h264',
    '.hevc',
    '.dv',
    '.y4m',
    '.qt',
    '.rm',
    '.rmvb',
    '.ogm',
    '.wtv',
    '.mjpeg',
)
# what people keep beside videos and may take for ones; told where a scan leaves them out
LIKE_VIDEOS = (
    '.webp',
    '.mng',
    '.wm',
    '.movie',
    '.swf',
    '.m3u8',
    '.amv',
    '.bik',
    '.mpv',
    '.264',
    '.dav',
)
LIST = '.txt'  # of a file with a path a line


class Source(NamedTuple):
    """A video, or a folder of frames.

    Attributes:
        name: its path below the root, with forward slashes. A video's is without its
            extension, unless another video differs from it in nothing else.
        path: where it is.
        modality: of a folder's frames, 'RGB' or 'Flow'; None for a video.
        filename_tmpl, start_index: of a folder's frames, see media.frame_folder.FrameFolder.
    """

    name: str
    path: str
    modality: str | None = None
    filename_tmpl: str | None = None
    start_index: int | None = None

    def open_folder(self, **options) -> FrameFolder:
        """Returns the FrameFolder, which takes the options."""
        if not self.filename_tmpl:
            self._check_one_kind()
        names = self.modality, self.filename_tmpl, self.start_index
        return FrameFolder(self.path, *names, name=self.name, **options)

    def _check_one_kind(self):
        kinds = likely_names(self.modality, os.listdir(self.path))
        if len(kinds) > 1:
            said = several_names(self.modality, kinds)
            raise DamagedSampleError(self.name, self.path, f'{said}; --filename-tmpl says which')


def find_sources(
    root: str,
    modalities: Sequence[str] = ('RGB',),
    filename_tmpl: str | None = None,
    start_index: int | None = None,
) -> list[Source]:
    """Finds the videos below `root`, or else the folders of frames. Links are followed.

    Args:
        root: a folder; one video; or a .txt that lists videos.
        modalities: which frames a folder may hold. Where a folder holds several of them, the first
            counts.
        filename_tmpl, start_index: the frames' names; default: found by looking, in each folder.

    Returns:
        list of Source, by name.

    Raises:
        DataError: there is nothing; two videos whose names would collide.
    """
    videos = find_videos(root, required=False)
    if videos:
        return videos
    folders = find_frame_folders(root, modalities, filename_tmpl, start_index)
    if not folders:
        names = [frame_names(modality, 1, filename_tmpl)[0] for modality in modalities]
        raise DataError(
            f'{root}: holds no videos ({", ".join(VIDEO_EXTENSIONS)}) and no folders of frames '
            f'({" or ".join(names)}, ...)'
        )
    return folders


def find_videos(root: str, required: bool = True) -> list[Source]:
    """Finds the videos below `root`, or those of a list, or `root` itself. Arguments, returns and
    raises: see `find_sources`.

    Files of LIKE_VIDEOS are counted in the log.
    """
    if is_list(root):
        return read_list(root)
    if os.path.isfile(root):
        return [Source(os.path.splitext(os.path.basename(root))[0], root)]
    found = _scan(root)
    if required and not found:
        raise DataError(f'{root}: holds no videos ({", ".join(VIDEO_EXTENSIONS)})')
    return _distinct(
        sorted(
            Source(name, os.path.join(root, path))
            for name, path in zip(names_of_videos(found), found)
        )
    )


def _scan(root):
    """Returns the paths of the videos below a folder, and logs how many others look like videos."""
    found = []
    left_out = collections.Counter()
    for folder, names, _ in _walk(root):
        for file in names:
            extension = os.path.splitext(file)[1]
            if extension.lower() in VIDEO_EXTENSIONS:
                found.append(_join(folder, file))
            elif extension.lower() in LIKE_VIDEOS:
                left_out[extension.lower()] += 1
    if left_out:
        counts = ', '.join(f'{number} {kind}' for kind, number in sorted(left_out.items()))
        logger.warning('%s: files that are not looked at: %s', root, counts)
    return found


def is_list(path: str | os.PathLike) -> bool:
    """Whether a path is of a text file that lists others."""
    return os.fspath(path).lower().endswith(LIST) and os.path.isfile(path)


def read_list(path: str) -> list[Source]:
    """Reads a list of videos, a path a line, from the list's folder or the working directory; a
    label behind it, as in mmaction's lists, is left out.

    Raises: DataError for a path that is not there; two videos whose names would collide.
    """
    found = []
    try:
        with open(path, encoding='utf-8-sig', errors='surrogateescape') as file:
            lines = [line.strip() for line in file]
    except OSError as error:
        raise DataError(f'{path}: cannot be read: {error.strerror}') from error
    for number, line in enumerate(lines, 1):
        if line and not line.startswith('#'):
            place, name = _listed(path, number, line)
            found.append((name.replace(os.sep, '/'), os.path.normpath(place)))
    if not found:
        raise DataError(f'{path}: names no videos; a path a line')
    names = names_of_videos([name for name, _ in found])
    return _distinct([Source(name, place) for name, (_, place) in zip(names, found)])


def _listed(path, number, line):
    """Returns where the file of a line of a list is, and what the line calls it."""
    before, _, last = line.rpartition(' ')
    for name in (line, before) if before and last.isdecimal() else (line,):
        for folder in (os.path.dirname(path), os.curdir):
            place = os.path.join(folder, name)
            if os.path.isfile(place):
                return place, name
    raise DataError(
        f'{path}:{number}: there is no file {line!r}; a path starts from the list or '
        'from the working directory'
    )


def as_videos(sources: str | os.PathLike | Sequence) -> list[Source]:
    """Returns the videos that are meant: by a folder or a file, or by a list of these and of
    Sources.
    """
    if isinstance(sources, (str, os.PathLike)):
        return find_videos(sources)
    found = []
    for source in sources:
        found += [source] if isinstance(source, Source) else find_videos(source)
    return _distinct(found)


def find_frame_folders(
    root: str,
    modalities: Sequence[str] = ('RGB', 'Flow'),
    filename_tmpl: str | None = None,
    start_index: int | None = None,
) -> list[Source]:
    """Finds the folders below `root`, or `root` itself, that hold a first frame of a known name, or
    have no folders in them and hold numbered images.

    Args:
        filename_tmpl, start_index: the frames' names, see media.frame_folder.FrameFolder.
    """
    found = []
    for folder, names, subfolders in _walk(root):
        fitting = (
            modality
            for modality in modalities
            if known_names(modality, names, filename_tmpl, start_index)
        )
        # one whose images are others than was asked for is found, too: to be told, not left out
        others = (
            modality
            for modality in modalities
            if known_names(modality, names) or not subfolders and likely_names(modality, names)
        )
        modality = next(fitting, None) or next(others, None)
        if modality:
            path = os.path.join(root, folder)
            found.append(
                Source(
                    folder or os.path.basename(os.path.abspath(root)),
                    os.path.normpath(path),
                    modality,
                    filename_tmpl,
                    start_index,
                )
            )
            subfolders.clear()
    return sorted(found)


def _distinct(sources):
    """Raises DataError where what is made of two sources would be one folder, or one inside the
    other.
    """
    known = {}
    for source in sources:
        if source.name in known:
            raise DataError(
                f'{known[source.name]} and {source.path} would both become {source.name}: '
                'rename one'
            )
        known[source.name] = source.path
    for source in sources:
        folder = os.path.dirname(source.name)
        while folder:
            if folder in known:
                raise DataError(
                    f'{known[folder]} would become a folder of frames with that of {source.path} '
                    'inside: rename one'
                )
            folder = os.path.dirname(folder)
    return sources


def shard(sources: list, which: tuple[int, int]) -> list:
    """Returns the part of `sources` that shard `which`, (number from 1, how many), is to do.

    The parts are disjoint, of nearly one size, and mixed over the names.
    """
    number, count = which
    return sources[number - 1 :: count]


def _walk(root):
    """Yields (folder below root, names of its files, names of its folders, to be changed by the
    caller).

    Hidden files and folders are left out, and so is a link to a folder that contains it.
    """
    pending = [('', ())]
    while pending:
        folder, above = pending.pop()
        path = os.path.join(root, folder) if folder else root
        real = os.path.realpath(path)
        if real in above:
            continue
        try:
            with os.scandir(path) as entries:
                entries = [
                    (entry.name, _is_folder(entry))
                    for entry in entries
                    if not entry.name.startswith('.')
                ]
        except OSError as error:
            raise DataError(f'{path}: cannot be read: {error.strerror}') from error
        files = {name for name, is_folder in entries if not is_folder}
        subfolders = [name for name, is_folder in entries if is_folder]
        yield folder, files, subfolders
        pending += [(_join(folder, name), (*above, real)) for name in subfolders]


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _join(folder, name):
    return f'{folder}/{name}' if folder else name
