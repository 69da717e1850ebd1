"""The page, in Gradio: what is sent, what comes of it, and the one named endpoint, /recognize."""

from __future__ import annotations

import dataclasses
import functools
import html
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import gradio as gr

from .job import Limits, UploadError, recognize_upload
from .storage import Storage
from .texts import TEXTS, language_of, say
from .timeline import STYLE, as_html
from .worker import Abandoned, Worker

if TYPE_CHECKING:
    from ..inference.recognizer import VideoRecognizer

_ROOM = 'network'  # whose jobs come one after the other
CSS = f'{STYLE}\nfooter {{ opacity: .6; }}'


@dataclasses.dataclass(frozen=True)
class Service:
    """What answers: a recognizer, in the worker's thread, on files in the storage.

    Attributes: recognizer. worker. storage. limits. top (int): classes. can_look (bool): whether it
        can be asked where it looks.
    """

    recognizer: VideoRecognizer
    worker: Worker
    storage: Storage
    limits: Limits
    top: int = 5
    can_look: bool = False

    def answer(self, path: str | None, language: str, show: Callable, **options) -> dict:
        """Returns what recognize_upload does of a file in the storage.

        Args:
            path: of the file.
            language: of errors.
            show: gets the share that is done and the text of the step, in this thread.
            **options: of recognize_upload.

        Raises: gr.Error, with a text for the user.
        """
        try:
            if not path:
                raise UploadError('no_file')
            if not self.storage.holds(path):
                raise UploadError('gone')
            self.storage.sweep()
            with self.storage.job(path) as folder:
                return self._done(path, folder, language, show, options)
        except UploadError as error:
            raise gr.Error(
                html.escape(error.tell(language), quote=False), print_exception=False
            ) from None
        except Abandoned:
            raise
        except Exception:
            traceback.print_exc(file=sys.stderr)
            raise gr.Error(say(language, 'failed'), print_exception=False) from None

    def _done(self, path, folder, language, show, options):
        steps = self.worker.do(
            functools.partial(_work, self.recognizer, path, folder, self.limits, self.top, options)
        )
        try:
            while True:
                share, step = next(steps)
                show(share, say(language, step))
        except StopIteration as end:
            return end.value
        finally:
            steps.close()


def _work(recognizer, path, folder, limits, top, options, tell):
    name = os.path.basename(path)
    return recognize_upload(
        recognizer, path, folder, limits, top=top, name=name, tell=tell, **options
    )


def translations(service: Service) -> gr.I18n:
    """Returns the texts for the browser, which chooses by its own language."""
    values = dict(
        model=service.recognizer.name,
        megabytes=f'{service.limits.megabytes:g}',
        seconds=f'{service.limits.seconds:g}',
    )
    filled = {
        language: {  # Gradio has texts of its own
            f'i3dbox_{key}': text.format(**values) if key in ('intro', 'limits') else text
            for key, text in texts.items()
        }
        for language, texts in TEXTS.items()
    }
    return gr.I18n(**filled, **{'zh-CN': filled['zh'], 'zh-TW': filled['zh']})


def build_page(service: Service, i18n: gr.I18n, examples: list[str] = ()) -> gr.Blocks:
    """Returns the page. `examples` are files to click, by their paths."""
    with gr.Blocks(title='i3dbox', analytics_enabled=False) as page:
        gr.Markdown(i18n('i3dbox_intro'))
        with gr.Row():
            with gr.Column():
                # the sound is left in: taking it out is FFmpeg's work, on a stranger's file
                video = gr.Video(
                    label=i18n('i3dbox_video'),
                    sources=['upload', 'webcam'],
                    include_audio=True,
                    webcam_options=gr.WebcamOptions(mirror=False),
                    elem_id='video',
                )
                video.async_move_resource_to_block_cache = _own_files(video)
                look = gr.Checkbox(
                    label=i18n('i3dbox_look'), visible=service.can_look, elem_id='look'
                )
                start = gr.Button(i18n('i3dbox_start'), variant='primary', elem_id='start')
                gr.Markdown(i18n('i3dbox_limits'))
                if examples:
                    folder = os.path.commonpath([os.path.dirname(path) for path in examples])
                    names = [os.path.relpath(path, folder) for path in examples]
                    gr.Examples(
                        [[path] for path in examples],
                        [video],
                        label=i18n('i3dbox_examples'),
                        example_labels=names,
                        cache_examples=False,
                        api_visibility='private',
                    )
            with gr.Column():
                label = gr.Label(
                    label=i18n('i3dbox_classes'), num_top_classes=service.top, elem_id='classes'
                )
                timeline = gr.HTML(
                    label=i18n('i3dbox_timeline'),
                    show_label=True,
                    container=True,
                    elem_id='timeline',
                )
                notes = gr.Markdown(elem_id='notes')
        with gr.Row():
            labelled = gr.Video(
                label=i18n('i3dbox_labelled'), interactive=False, elem_id='labelled'
            )
            heat = gr.Video(
                label=i18n('i3dbox_heat'),
                interactive=False,
                visible=service.can_look,
                elem_id='heat',
            )
        with gr.Row():
            files = gr.File(label=i18n('i3dbox_files'), interactive=False, elem_id='files')
            answer = gr.Code(
                label=i18n('i3dbox_answer'), language='json', interactive=False, max_lines=16
            )
        outputs = [label, timeline, notes, labelled, heat, files, answer]
        start.click(
            _click_of(service),
            [video, look],
            outputs,
            concurrency_limit=1,
            concurrency_id=_ROOM,
            api_name='page',
            api_visibility='private',
        )
        _add_endpoint(service, video)
    page.queue(max_size=service.limits.waiting, api_open=False)
    return page


def _own_files(video):
    """Returns what a component's async_move_resource_to_block_cache is to be: it takes files that
    were sent, and fetches nothing from addresses.
    """
    move = video.async_move_resource_to_block_cache

    async def move_own(path):
        if path is not None and '://' in str(path):
            raise gr.Error(say('en', 'no_address'), print_exception=False)
        return await move(path)

    return move_own


def _click_of(service):
    def recognize(
        video: str | None,
        look: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  (Gradio's way)
    ):
        language = language_of(request.headers.get('accept-language'))

        def show(share, text):
            progress(share, desc=text)

        look = look and service.can_look
        found = service.answer(video, language, show, look=look)
        files = found['files']
        notes = [html.escape(say(language, key, **values)) for key, values in found['notes']]
        return (
            found['classes'],
            as_html(found['stretches']),
            '\n\n'.join(notes),
            files['video'],
            files.get('heat'),
            [files['json'], files['csv']],
            json.dumps(found['answer'], indent=1, ensure_ascii=False),
        )

    return recognize


def _add_endpoint(service, video):
    """Adds /recognize: a video in, the answer out as JSON."""

    def recognize(video: str | None, request: gr.Request):
        language = language_of(request.headers.get('accept-language'))
        found = service.answer(video, language, lambda *_: None, video=False)
        notes = [say('en', key, **values) for key, values in found['notes']]
        return dict(found['answer'], **({'notes': notes} if notes else {}))

    gr.Button(visible=False).click(
        recognize,
        [video],
        [gr.JSON(visible=False)],
        api_name='recognize',
        concurrency_limit=1,
        concurrency_id=_ROOM,
    )
