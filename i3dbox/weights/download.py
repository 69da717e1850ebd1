"""Downloads that resume, are checked, and appear only when whole."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request

from tqdm import tqdm

from ..errors import DownloadError

_TIMEOUT = 30  # seconds without a byte
_ATTEMPTS = 3


def download(urls: list[str], path: str, integrity: str, otherwise: str = '') -> None:
    """Downloads a file to `path`, unless it is there.

    What an earlier try left is gone on from (HTTP Range). Environment variables name proxies, as
    for any program.

    Args:
        urls: where it is; the next one is tried where one fails.
        path: where it goes; its folder is there.
        integrity: see zoo_index.
        otherwise: what else can be done, for the error.

    Raises:
        DownloadError: no URL gave the file; what each of them answered is in the message.
    """
    if os.path.exists(path):
        return
    part = f'{path}.part'
    reasons = []
    for url in urls:
        for attempt in range(_ATTEMPTS):
            resumed = os.path.exists(part) and os.path.getsize(part) > 0
            try:
                _fetch(url, part)
            except urllib.error.HTTPError as error:
                reasons.append(f'{url}: {error.code} {error.reason}')
                break
            except (OSError, http.client.HTTPException, ValueError) as error:
                reasons.append(f'{url}: {getattr(error, "reason", None) or error}')
                time.sleep(attempt)
                continue
            if matches(part, integrity):
                os.replace(part, path)
                return
            os.remove(part)
            reasons.append(f'{url}: the file is not the one that was expected ({integrity})')
            if not resumed:
                # a resumed one may have been begun by another version; once more from its start
                break
    raise DownloadError(
        f'{os.path.basename(path)} cannot be downloaded: '
        f'{"; ".join(dict.fromkeys(reasons))}{otherwise}'
    )


def matches(path: str, integrity: str) -> bool:
    """Whether a file has an integrity: 'git:<blob id>' or 'sha256:<digits>'."""
    kind, _, digits = integrity.partition(':')
    if kind == 'git':  # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        digest = hashlib.sha1(b'blob %d\0' % os.path.getsize(path), usedforsecurity=False)
    else:
        digest = hashlib.new(kind)
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest() == digits


def _fetch(url, part):
    """Appends to `part` what is missing of it."""
    if not url.startswith(('http://', 'https://')):
        raise ValueError('only http and https are downloaded from')
    there = os.path.getsize(part) if os.path.exists(part) else 0
    request = urllib.request.Request(url, headers={'User-Agent': 'i3dbox'})
    if there:
        request.add_header('Range', f'bytes={there}-')
    try:
        # with the proxies of this moment
        answer = urllib.request.build_opener().open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        # nothing is missing, or the file is another one: its integrity tells
        if there and error.code == 416:
            return
        raise
    with answer:
        goes_on = answer.status == 206
        done = there if goes_on else 0
        length = answer.headers.get('Content-Length')
        expected = done + int(length) if length else None
        with (
            _local(part, 'ab' if goes_on else 'wb') as write,
            tqdm(
                total=expected,
                initial=done,
                unit='B',
                unit_scale=True,
                disable=None,
                desc=os.path.basename(part)[: -len('.part')],
            ) as bar,
        ):
            for block in iter(lambda: answer.read(1 << 18), b''):
                write(block)
                bar.update(len(block))
                done += len(block)
            if expected is not None and done < expected:
                raise ConnectionError(f'the connection ended after {done} of {expected} bytes')


@contextlib.contextmanager
def _local(path, mode):
    """Yields a function that writes to the file; what goes wrong with the disk is no matter of the
    network.
    """

    def call(function, *args):
        try:
            return function(*args)
        except OSError as error:
            raise DownloadError(
                f'{path}: cannot be written: {error.strerror}; '
                'the same command goes on where it stopped'
            ) from error

    with call(open, path, mode) as file:

        def write(block):
            call(file.write, block)
            call(file.flush)  # or closing would meet the error

        yield write
