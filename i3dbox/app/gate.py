"""What the server answers to: the page's own addresses, and nothing else that Gradio offers, as it
fetches other addresses, follows runs, or edits code.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_API = 'gradio_api/'
_OPEN = re.compile(
    r'/|/(config|info|theme\.css|favicon\.ico|manifest\.json|robots\.txt|pwa_icon(/\d+)?)/?'
    r'|/(assets|static|svelte)/.*'
    rf'|/({_API})?(theme\.css|info|startup-events|app_id|reset|cancel|upload|upload_progress)/?'
    rf'|/({_API})?(queue/(join|data)|heartbeat/\w+)/?'
    rf'|/({_API})?run/predict/?'  # what is not queued: the choice of an example
    rf'|/({_API})?call/recognize(/\w+)?/?'
    rf'|/({_API})?file=(?![A-Za-z][\w+.-]*:).+'
)
# The page may ask this server alone; what Gradio's scripts make on the spot are blobs
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = [
    (b'content-security-policy', _POLICY.encode()),
    (b'x-content-type-options', b'nosniff'),
    (b'referrer-policy', b'same-origin'),
]


def is_open(path: str) -> bool:
    """Whether the server answers to a path."""
    return bool(_OPEN.fullmatch(path))


class Gate:
    """ASGI middleware that answers 404 to what is not open, and has browsers ask nobody else."""

    def __init__(self, app: Callable):
        self._app = app

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        if scope['type'] == 'lifespan':
            return await self._app(scope, receive, send)
        if scope['type'] != 'http':
            return None

        async def send_with_headers(message):
            if message['type'] == 'http.response.start':
                message = dict(message, headers=[*message.get('headers', ()), *_HEADERS])
            await send(message)

        if is_open(scope['path']):
            return await self._app(scope, receive, send_with_headers)
        await send_with_headers(dict(type='http.response.start', status=404, headers=[]))
        await send(dict(type='http.response.body', body=b'not found'))
        return None
