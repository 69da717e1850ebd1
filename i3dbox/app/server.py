"""The server of the page: what is checked before it, how it runs, and how it ends."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import ipaddress
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..preparation.sources import find_videos
from .job import Limits
from .storage import Storage
from .worker import Worker

if TYPE_CHECKING:
    from ..inference.recognizer import VideoRecognizer

_MOST_EXAMPLES = 12
_AGE = 3600.0  # seconds that an upload and what was made of it stay


def check_gradio() -> None:
    """Raises ConfigError where Gradio is not installed, or not with what it needs."""
    if importlib.util.find_spec('gradio') is None:
        raise ConfigError('the page needs Gradio (Python 3.10 or newer): pip install "i3dbox[app]"')
    try:
        importlib.import_module('gradio')
    except ImportError as error:
        raise ConfigError(
            f'Gradio cannot be imported: {" ".join(str(error).split())}. pip install '
            '"i3dbox[train,app]" in one command finds packages that go together'
        ) from error


def check_port(host: str, port: int) -> None:
    """Raises ConfigError where a server cannot listen at a host and port."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f'{host}:{port} cannot be listened at: {reason}') from error


def is_loopback(host: str) -> bool:
    """Whether a host is this machine to itself alone."""
    try:
        return host == 'localhost' or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_examples(folder: str | None) -> list[str]:
    """Returns the paths of a folder's first videos. Raises DataError where it holds none."""
    if not folder:
        return []
    if not os.path.isdir(folder):
        raise ConfigError(f'{folder}: there is no such folder')
    return [source.path for source in find_videos(folder)][:_MOST_EXAMPLES]


def serve(
    recognizer: VideoRecognizer,
    host: str = '127.0.0.1',
    port: int = 7860,
    share: bool = False,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    top: int = 5,
    examples: list[str] = (),
    tell: Callable[[str], None] = lambda line: None,
    worker: Worker | None = None,
) -> None:
    """Serves the page until Ctrl-C, or until `worker.end()`; recognises in this thread.

    Args:
        recognizer: of init_recognizer.
        host, port: where it listens.
        share: also through Gradio's tunnel, for anybody who has the address.
        limits: of what is taken.
        top: classes that are shown.
        examples: files to click.
        tell: gets the lines that say where it is.
        worker: default: a new one.

    Raises: ConfigError where the port is taken.
    """
    worker = worker or Worker()
    budget = int((limits.waiting + 4) * 2 * limits.megabytes * 1e6)
    with contextlib.ExitStack() as stack:
        storage = Storage(budget, _AGE)
        stack.callback(storage.close)
        _set_environment(storage.root)
        from .page import CSS, Service, build_page, translations

        service = Service(recognizer, worker, storage, limits, top, _can_look(recognizer))
        i18n = translations(service)
        page = build_page(service, i18n, examples)
        storage.keep_all()
        _launch(page, stack, host, port, share, limits, i18n, CSS)
        storage.sweep_on()
        tell(f'http://{f"[{host}]" if ":" in host else host}:{port}/  (Ctrl-C ends it)')
        if share:
            tell(f'{page.share_url or "no address from outside was to be had"}')
        worker.run()


def _set_environment(root):
    """Sets what Gradio reads from the environment: where files go, and that it asks nobody."""
    os.environ['GRADIO_TEMP_DIR'] = root
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'
    for name in ('GRADIO_ALLOWED_PATHS', 'GRADIO_ROOT_PATH', 'GRADIO_NUM_WORKERS'):
        os.environ.pop(name, None)
    # it looks whether its own server answers, which no proxy can tell it
    for name in ('no_proxy', 'NO_PROXY'):
        others = [os.environ[name]] if os.environ.get(name) else []
        os.environ[name] = ','.join([*others, 'localhost', '127.0.0.1', '::1'])


def _launch(page, stack, host, port, share, limits, i18n, css):
    from starlette.middleware import Middleware

    from .gate import Gate

    stack.callback(page.close, verbose=False)
    try:
        page.launch(
            server_name=host,
            server_port=port,
            share=share,
            inline=False,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size=int(limits.megabytes * 1e6),
            allowed_paths=[],
            ssr_mode=False,
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
            run_history=False,
            footer_links=['api', 'settings'],
            app_kwargs=dict(middleware=[Middleware(Gate)], docs_url=None, redoc_url=None),
            i18n=i18n,
            css=css,
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f'the server does not start at {host}:{port}: {error}') from error


def _can_look(recognizer):
    """Whether Grad-CAM can be had: of a network that can be differentiated, in MindSpore."""
    return not recognizer.fixed and importlib.util.find_spec('mindspore') is not None
