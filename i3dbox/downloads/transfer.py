"""Downloads that resume, are checked, and appear only when whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
import time

import requests
import requests.adapters
import urllib3
from tqdm import tqdm

from ..errors import DownloadError, first_line

_CONNECT, _SILENCE = 10, 30  # seconds, until there is a connection and without a byte
_ATTEMPTS = 3
_LARGEST = 4 << 30  # bytes


def new_session() -> requests.Session:
    """Returns a session that trusts what the system does; the variables http_proxy, no_proxy,
    REQUESTS_CA_BUNDLE and the like, and ~/.netrc, are honoured.
    """
    session = requests.Session()
    session.headers.update({'User-Agent': 'i3dbox', 'Accept-Encoding': 'identity'})
    session.mount('https://', _Adapter())
    return session


class _Adapter(requests.adapters.HTTPAdapter):
    """Trusts the system's certificates beside those that requests brings."""

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)

    def proxy_manager_for(self, proxy, **kwargs):
        kwargs.setdefault('ssl_context', ssl.create_default_context())
        return super().proxy_manager_for(proxy, **kwargs)


def download(
    urls: list[str],
    path: str,
    integrity: str,
    session: requests.Session | None = None,
    largest: int = _LARGEST,
) -> None:
    """Downloads a file to `path`, unless it is there; one that is another file is set aside.

    What an earlier try left is gone on from (HTTP Range).

    Args:
        urls: where it is; the next one is tried where one fails.
        path: where it goes; its folder is there.
        integrity: 'git:<git blob id>', which GitHub shows of every file, or 'sha256:<digits>'.
        largest: bytes; a server that sends more is not listened to any longer.
        session: with the credentials and certificates that it takes; default: new_session().

    Raises:
        DownloadError: no URL gave the file; what each of them answered is in the message.
    """
    reasons = []
    if os.path.isfile(path):
        if matches(path, integrity):
            return
        os.replace(path, f'{path}.other')
        reasons.append(f'{path}: {_other(integrity)}, and is now {path}.other')
    elif os.path.exists(path):
        raise DownloadError(f'{path} is no file: remove it, and the same command downloads one')
    session = session or new_session()
    for url in urls:
        reason = _attempt(session, url, f'{path}.part', integrity, largest)
        if reason is None:
            os.replace(f'{path}.part', path)
            return
        reasons.append(f'{without_password(url)}: {reason}')
    raise DownloadError(f'{os.path.basename(path)} cannot be downloaded: {"; ".join(reasons)}')


def _attempt(session, url, part, integrity, largest):
    """Downloads to `part`; returns why that failed, or None."""
    reason = 'it always ends too early'
    for attempt in range(_ATTEMPTS):
        before = _size(part)
        try:
            _fetch(session, url, part, largest)
        except (OSError, ValueError) as error:  # requests' are OSErrors
            reason = reason_of(error)
            if _size(part) <= before:
                break  # nothing came
            time.sleep(attempt)
            continue
        if matches(part, integrity):
            return None
        os.remove(part)
        reason = _other(integrity)
        if not before:
            # a resumed one may have been begun by another version; once more from its start
            break
    return reason


def _other(integrity):
    return f'the file is not the one that was expected ({integrity})'


def matches(path: str, integrity: str) -> bool:
    """Whether a file has an integrity: 'git:<blob id>' or 'sha256:<digits>', all or the first."""
    kind, _, digits = integrity.partition(':')
    if kind == 'git':  # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        digest = hashlib.sha1(b'blob %d\0' % os.path.getsize(path), usedforsecurity=False)
    else:
        digest = hashlib.new(kind)
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest().startswith(digits)


def without_password(url: str) -> str:
    """Returns a URL as it can be shown: without a user's name and password, even where they are not
    written as they should be, and without what is asked for behind a "?".
    """
    plain = url.partition('?')[0]
    scheme, mark, rest = plain.partition('://') if '://' in plain else ('', '', plain)
    return f'{scheme}{mark}{rest.rpartition("@")[2]}'


def reason_of(error: Exception) -> str:
    """Returns in a few words why a request failed: the system's own, below those of libraries."""
    if isinstance(error, requests.HTTPError):
        return f'{error.response.status_code} {error.response.reason}'
    if isinstance(error, requests.Timeout):
        return 'no answer in time'
    inner = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return without_password(first_line(error))


def get(session: requests.Session, url: str, headers: dict | None = None) -> requests.Response:
    """Asks for a URL; the answer's content is left to be read. Raises requests' errors, that of a
    status that means failure too.
    """
    if not url.startswith(('http://', 'https://')):
        raise ValueError('only http and https are downloaded from')
    answer = session.get(url, headers=headers, stream=True, timeout=(_CONNECT, _SILENCE))
    answer.raise_for_status()
    return answer


def _size(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def _fetch(session, url, part, largest):
    """Appends to `part` what is missing of it."""
    there = _size(part)
    try:
        answer = get(session, url, {'Range': f'bytes={there}-'} if there else None)
    except requests.HTTPError as error:
        # nothing is missing, or the file is another one: its integrity tells
        if there and error.response.status_code == 416:
            return
        raise
    with answer:
        goes_on = answer.status_code == 206
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
            try:
                # requests' own iteration loses the part of a block that came before the end
                for block in iter(lambda: answer.raw.read(1 << 18), b''):
                    write(block)
                    bar.update(len(block))
                    done += len(block)
                    if done > largest:
                        break  # its integrity tells
            except urllib3.exceptions.HTTPError as error:
                of = f' of {expected}' if expected is not None else ''
                raise ConnectionError(f'the connection ended after {done}{of} bytes') from error


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
