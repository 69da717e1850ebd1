"""`i3dbox app`: what strangers send is recognised as demo does it, refused in plain words, and gone
after a while; the page and its API, in a browser and by programs.
"""

import contextlib
import csv
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import psutil
import pytest
import requests
from test_recognize import made
from videos import moving_frames, write_video

from i3dbox.apis import inference_recognizer, init_recognizer
from i3dbox.app import server
from i3dbox.app.gate import is_open
from i3dbox.app.job import Limits, UploadError, recognize_upload
from i3dbox.app.storage import Storage
from i3dbox.app.texts import TEXTS, language_of, say
from i3dbox.app.timeline import as_html, stretches
from i3dbox.app.worker import Abandoned, Worker
from i3dbox.commands import main
from i3dbox.errors import ConfigError
from i3dbox.inference.recognize import Prediction
from i3dbox.media.frame_iterator import FrameIterator

ROOT = pathlib.Path(__file__).parents[1]
FILE = {'_type': 'gradio.FileData'}


@pytest.fixture(scope='module')
def network(tmp_path_factory):
    """A config of both streams and its checkpoints, as arguments of the command."""
    cfg, checkpoints = made(tmp_path_factory.mktemp('network'))
    return ['--config', cfg.filename, '--rgb', checkpoints['rgb'], '--flow', checkpoints['flow']]


@pytest.fixture(scope='module')
def joint(network):
    return init_recognizer(network[1], dict(rgb=network[3], flow=network[5]))


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return str(write_video(tmp_path_factory.mktemp('video') / 'walk.avi', moving_frames(30)))


@pytest.fixture(scope='module')
def damaged(tmp_path_factory):
    """Files that are no whole video, by what is wrong with them."""
    folder = tmp_path_factory.mktemp('damaged')
    whole = write_video(folder / 'whole.avi', moving_frames(60)).read_bytes()
    contents = {
        'half': whole[: len(whole) // 2],
        'none': b'no video' * 100,
        'empty': b'',
        'playlist': b'#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n',
    }
    for name, content in contents.items():
        (folder / f'{name}.mp4').write_bytes(content)
    return {name: str(folder / f'{name}.mp4') for name in contents}


# Texts


def test_each_text_is_there_in_each_language_with_the_same_values():
    fields = [
        {key: sorted(re.findall(r'{(\w+)}', text)) for key, text in texts.items()}
        for texts in TEXTS.values()
    ]
    assert all(one == fields[0] for one in fields)


@pytest.mark.parametrize(
    'accepted, language',
    [
        ('zh-CN,zh;q=0.9,en;q=0.8', 'zh'),
        ('en-US,en;q=0.9,zh;q=0.8', 'en'),
        ('en;q=0.1, zh-TW;q=0.5', 'zh'),
        ('fr-FR,zh;q=0.4', 'zh'),
        ('de', 'en'),
        ('zh;q=many', 'zh'),
        ('', 'en'),
        (None, 'en'),
    ],
)
def test_the_language_is_what_the_browser_likes_best(accepted, language):
    assert language_of(accepted) == language


# The timeline


def window(start, end, *scores):
    scores = np.float32(scores)
    return Prediction('v', ['run', '<b>jump'], scores, {}, 0, 1, start, end)


def test_windows_become_stretches_of_time_that_meet_in_the_middle():
    windows = [window(0, 2, 1, 0), window(1, 3, 3, 0), window(2, 4, 0, 2)]
    first, second = stretches(windows, 4.5)
    assert (first['start'], first['end'], first['name']) == (0, 2.5, 'run')
    assert (second['start'], second['end'], second['name']) == (2.5, 4.5, '<b>jump')
    mean = (windows[0].probabilities[0] + windows[1].probabilities[0]) / 2
    assert first['probability'] == pytest.approx(mean)
    assert first['color'] != second['color'] and re.fullmatch('#[0-9a-f]{6}', first['color'])


def test_class_names_are_no_html():
    text = as_html(stretches([window(0, 2, 0, 1)], 2))
    assert '<b>' not in text and '&lt;b&gt;jump' in text and '0:00.0 - 0:02.0' in text


def test_a_long_table_is_cut():
    windows = [window(i, i + 1, i % 2, 0.5) for i in range(300)]
    assert as_html(stretches(windows, 300)).count('<tr>') == 200


# The files


def test_old_files_go_and_what_is_in_use_stays():
    storage = Storage(budget=25, age=1000)
    try:
        paths = {}
        for number, name in enumerate(('kept', 'first', 'second', 'third')):
            paths[name] = os.path.join(storage.root, name, 'a.mp4')
            os.mkdir(os.path.dirname(paths[name]))
            pathlib.Path(paths[name]).write_bytes(b'0' * 10)
            for path in (paths[name], os.path.dirname(paths[name])):
                os.utime(path, (time.time() - 100 + number,) * 2)
            if name == 'kept':
                storage.keep_all()
        with storage.job(paths['first']) as folder:
            storage.sweep()
            assert os.path.isdir(folder)
        assert storage.holds(paths['first']) and storage.holds(paths['kept'])
        storage.sweep()  # 30 bytes, and room for 25
        left = [name for name, path in paths.items() if storage.holds(path)]
        assert left == ['kept', 'second', 'third']
        os.utime(paths['third'], (1, 1))
        os.utime(os.path.dirname(paths['third']), (1, 1))
        storage.sweep()
        assert not storage.holds(paths['third'])
        assert not storage.holds('/etc/passwd')
        assert not storage.holds(os.path.join(storage.root, '..', '..', 'etc', 'passwd'))
    finally:
        storage.close()
    assert not os.path.exists(storage.root)


def test_a_job_that_fails_leaves_nothing():
    storage = Storage(100, 100)
    with pytest.raises(ValueError), storage.job('/elsewhere') as folder:
        raise ValueError
    assert not os.path.exists(folder)
    storage.close()


# The worker


@pytest.fixture
def worker():
    """A worker whose `run` is another thread's."""
    worker = Worker()
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    yield worker
    worker.end()
    thread.join(5)
    assert not thread.is_alive()


def all_of(steps):
    """What a generator yields, and what it returns."""
    found = []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as end:
            return found, end.value


def test_work_is_done_by_the_other_thread_and_tells_how_far_it_is(worker):
    def work(tell):
        tell(0.5, 'half')
        return threading.get_ident()

    told, thread = all_of(worker.do(work))
    assert told == [(0.5, 'half')] and thread != threading.get_ident()


def test_an_error_reaches_who_asked_and_the_worker_goes_on(worker):
    with pytest.raises(ZeroDivisionError):
        all_of(worker.do(lambda tell: 1 / 0))
    assert all_of(worker.do(lambda tell: 'fine')) == ([], 'fine')


def test_work_that_nobody_waits_for_ends(worker):
    ended = threading.Event()

    def work(tell):
        try:
            while True:
                tell(0)
                time.sleep(0.01)
        except Abandoned:
            ended.set()
            raise

    steps = worker.do(work)
    next(steps)
    steps.close()
    assert ended.wait(5) and all_of(worker.do(lambda tell: 1)) == ([], 1)


def test_who_waits_is_told_when_the_worker_has_ended():
    worker = Worker()
    worker.end()
    with pytest.raises(Abandoned):
        all_of(worker.do(lambda tell: 1))


# The job


@pytest.mark.slow
def test_an_upload_is_recognised_as_in_a_notebook(joint, video, tmp_path):
    told = []
    found = recognize_upload(
        joint, video, str(tmp_path), top=2, name='mine.avi', tell=lambda *step: told.append(step)
    )
    expected = inference_recognizer(joint, video, window=8)
    top = {one.name: one.probability for one in expected.top(2)}
    assert found['classes'] == pytest.approx(top) and list(found['classes']) == list(top)
    answer = found['answer']
    assert (answer['source'], answer['complete'], answer['stream']) == ('mine.avi', True, 'joint')
    assert len(answer['windows']) == len(expected.windows)
    assert json.loads(pathlib.Path(found['files']['json']).read_text()) == answer
    rows = list(csv.DictReader(open(found['files']['csv'], newline='')))
    assert rows[-2]['class'] == answer['video']['top'][0]['name']
    assert cv2.VideoCapture(found['files']['video']).get(cv2.CAP_PROP_FRAME_COUNT) == 30
    assert found['stretches'][0]['start'] == 0
    assert found['stretches'][-1]['end'] == pytest.approx(1.2)
    assert told[0] == (0.0, 'opening') and told[-1][0] == 1.0
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and len(shares) > 4
    assert found['notes'] == []
    names = {'answer.json', 'answer.csv', 'labelled.mp4'}
    assert set(os.listdir(tmp_path)) == names


@pytest.mark.parametrize('kind', ['none', 'empty', 'playlist'])
def test_what_is_no_video_is_told_without_the_servers_path(joint, damaged, tmp_path, kind):
    with pytest.raises(UploadError, match='^This cannot be recognised: ') as caught:
        recognize_upload(joint, damaged[kind], str(tmp_path))
    assert os.path.dirname(damaged[kind]) not in str(caught.value)
    assert caught.value.tell('zh').startswith('无法识别：') and os.listdir(tmp_path) == []


def test_a_video_that_breaks_off_is_answered_as_far_as_it_goes(joint, damaged, tmp_path):
    found = recognize_upload(joint, damaged['half'], str(tmp_path))
    assert found['answer']['windows'][-1]['last'] < 60
    assert bool(found['notes']) is not found['answer']['complete']


class Uncounted(FrameIterator):
    def __init__(self, *source, **options):
        super().__init__(*source, **options)
        self.total = None


def test_too_long_and_too_large_are_told(joint, video, tmp_path, monkeypatch):
    with pytest.raises(UploadError, match='too long: up to 0.1 s'):
        recognize_upload(joint, video, str(tmp_path), Limits(seconds=0.1))
    # a header that says nothing, or a lie
    monkeypatch.setattr('i3dbox.app.job.FrameIterator', Uncounted)
    opened = psutil.Process().num_fds()
    with pytest.raises(UploadError, match='too long: up to 0.1 s') as found:
        recognize_upload(joint, video, str(tmp_path), Limits(seconds=0.1))
    assert found and psutil.Process().num_fds() == opened  # while `found` holds what was at work
    with pytest.raises(UploadError, match='too large: it has 0.* MB, and up to 0.01 MB'):
        recognize_upload(joint, video, str(tmp_path), Limits(megabytes=0.01))
    with pytest.raises(UploadError, match='no longer on the server'):
        recognize_upload(joint, str(tmp_path / 'gone.mp4'), str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_network_that_cannot_show_where_it_looks_still_answers(joint, video, tmp_path):
    found = recognize_upload(joint, video, str(tmp_path), look=True)
    ((key, values),) = found['notes']
    assert key == 'heat_failed' and 'TinyBackbone' in values['reason'] and found['classes']


@pytest.mark.slow
def test_where_the_network_looks_is_a_video(video, tmp_path, monkeypatch):
    monkeypatch.setattr('i3dbox.app.job.HEAT_FRAMES', 16)
    cfg, checkpoint = made(tmp_path / 'net', 'rgb', size=32, backbone='i3d')
    found = recognize_upload(
        init_recognizer(cfg, checkpoint), video, str(tmp_path / 'out'), look=True
    )
    assert found['notes'] == [('heat_part', dict(seconds='1'))]
    heat = cv2.VideoCapture(found['files']['heat'])
    assert heat.get(cv2.CAP_PROP_FRAME_COUNT) == 16


# The server, before it is one


@pytest.mark.parametrize(
    'path, answered',
    [
        ('/', True),
        ('/gradio_api/upload', True),
        ('/gradio_api/call/recognize', True),
        ('/gradio_api/call/recognize/12ab', True),
        ('/gradio_api/queue/join', True),
        ('/gradio_api/file=/tmp/a.mp4', True),
        ('/gradio_api/file=http://example.com/a.mp4', False),
        ('/gradio_api/proxy=http://example.com', False),
        ('/gradio_api/call/page', False),
        ('/gradio_api/run/page', False),
        ('/gradio_api/vibe-edit/', False),
        ('/monitoring', False),
        ('/gradio_api/process_recording', False),
    ],
)
def test_nothing_but_the_pages_own_addresses_is_answered(path, answered):
    assert is_open(path) is answered


def test_a_port_that_is_taken_is_told_before_the_model_is_loaded(capsys, monkeypatch):
    monkeypatch.setattr(server, 'check_gradio', lambda: None)
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main('app', ['--model', 'i3d_kinetics400', '--port', port]) == 1
    assert f'127.0.0.1:{port} cannot be listened at' in capsys.readouterr().err


def test_of_packages_that_do_not_go_together_one_line_says_so(capsys, monkeypatch, tmp_path):
    (tmp_path / 'gradio.py').write_text("raise ImportError('pandas takes\\n numpy 2')")
    monkeypatch.delitem(sys.modules, 'gradio', raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert main('app', ['--model', 'i3d_kinetics400']) == 1
    said = capsys.readouterr().err
    assert (
        'Gradio cannot be imported: pandas takes numpy 2. pip install "i3dbox[train,app]"' in said
    )
    assert said.count('\n') == 1


def test_without_gradio_one_line_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    assert main('app', ['--model', 'i3d_kinetics400']) == 1
    assert capsys.readouterr().err.endswith('pip install "i3dbox[app]"\n')


def test_examples_are_the_videos_of_a_folder_that_is_there(video, tmp_path):
    assert server.find_examples(os.path.dirname(video)) == [video]
    assert server.find_examples(None) == []
    with pytest.raises(ConfigError, match='there is no such folder'):
        server.find_examples(str(tmp_path / 'nowhere'))


@pytest.mark.parametrize(
    'host, alone', [('127.0.0.1', True), ('localhost', True), ('::1', True), ('0.0.0.0', False)]
)
def test_hosts_that_others_reach_are_known(host, alone):
    assert server.is_loopback(host) is alone


# The server


@contextlib.contextmanager
def serving(*options, said=''):
    """Runs the command on a free port; yields its address and the process, and ends it as Ctrl-C
    does.
    """
    pytest.importorskip('gradio')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, '-m', 'i3dbox', 'app', *options, '--port', str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        url = f'http://127.0.0.1:{port}/'
        lines = [process.stdout.readline()]
        while lines[-1] and f':{port}/' not in lines[-1]:
            lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
        assert said in ''.join(lines)
        yield url, process
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err.splitlines()[-1:]) == (130, ['i3dbox app: interrupted'])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope='module')
def served(network, video):
    options = ('--max-seconds', '4', '--max-size', '2', '--examples', os.path.dirname(video))
    with serving(*network, *options) as (url, _):
        yield url


def post(url, path):
    """Sends a file by plain HTTP and asks for its answer: what kind of event came, and its data."""
    with open(path, 'rb') as file:
        sent = requests.post(f'{url}gradio_api/upload', files=dict(files=file), timeout=60)
    return sent.text if sent.status_code != 200 else ask(url, sent.json()[0])


def ask(url, path, **headers):
    data = dict(data=[dict(path=path, meta=FILE)])
    call = f'{url}gradio_api/call/recognize'
    event = requests.post(call, json=data, headers=headers, timeout=60).json()['event_id']
    text = requests.get(f'{call}/{event}', headers=headers, timeout=120).content.decode()
    kind, data = re.findall(r'event: (complete|error)\ndata: (.*)', text)[-1]
    return kind, json.loads(data)


@pytest.mark.slow
def test_a_program_gets_the_notebooks_answer(served, joint, video):
    kind, (answer,) = post(served, video)
    expected = inference_recognizer(joint, video, window=8)
    assert kind == 'complete' and answer['source'] == 'walk.avi'
    assert [one['name'] for one in answer['video']['top']] == [one.name for one in expected.top()]
    found = [one['probability'] for one in answer['video']['top']]
    assert found == pytest.approx([one.probability for one in expected.top()], abs=1e-5)


@pytest.mark.slow
def test_what_is_refused_is_told_in_plain_words(served, damaged, tmp_path):
    kind, error = post(served, damaged['none'])
    assert kind == 'error' and 'no video that FFmpeg can read' in error['error']
    long = write_video(tmp_path / 'long.avi', moving_frames(150))
    kind, error = post(served, long)
    assert (kind, error['error']) == ('error', say('en', 'too_long', most='4'))
    (tmp_path / 'large.mp4').write_bytes(bytes(3 * 10**6))
    assert 'maximum allowed size of 2000000 bytes' in post(served, tmp_path / 'large.mp4')
    kind, error = ask(served, 'http://127.0.0.1:9/a.mp4')
    assert (kind, error['error']) == ('error', say('en', 'no_address'))
    assert ask(served, '/etc/hostname')[0] == 'error'
    past = f'{served}gradio_api/run/predict'  # the queue
    for number in range(9):
        body = dict(data=[None, False], fn_index=number)
        assert requests.post(past, json=body, timeout=60).status_code >= 400
    assert requests.get(f'{served}gradio_api/file=/etc/hostname', timeout=9).status_code == 403


@pytest.mark.slow
def test_two_users_at_once_get_their_own_answers(served, video, tmp_path):
    other = str(write_video(tmp_path / 'other.avi', moving_frames(40, seed=1)))
    found = {}

    def use(path):
        found[path] = [post(served, path)[1][0] for _ in range(3)]

    threads = [threading.Thread(target=use, args=(path,)) for path in (video, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path, frames in ((video, 30), (other, 40)):
        assert [answer['windows'][-1]['last'] for answer in found[path]] == [frames] * 3
        assert {answer['source'] for answer in found[path]} == {os.path.basename(path)}


@pytest.mark.slow
def test_the_programs_of_the_guide_run(served, video, tmp_path):
    pytest.importorskip('gradio_client')
    shutil.copy(video, tmp_path / 'a.mp4')
    guide = (ROOT / 'docs/app.md').read_text(encoding='utf-8')
    programs = re.findall(r'```(bash|python)\n(.*?)```', guide, re.DOTALL)
    tried = 0
    for language, program in programs:
        if '/recognize' not in program:
            continue
        program = program.replace('http://127.0.0.1:7860/', served)
        command = ['bash', '-ec'] if language == 'bash' else [sys.executable, '-c']
        done = subprocess.run(
            [*command, program], cwd=tmp_path, text=True, capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert any(name in done.stdout for name in ('dark', 'middle', 'bright')), done.stdout
        tried += 1
    assert tried == 2


@pytest.mark.slow
def test_memory_and_disk_stay_flat_and_the_folder_goes(network, video, damaged, tmp_path):
    before = set(pathlib.Path(os.environ.get('TMPDIR', '/tmp')).glob('i3dbox_app_*'))
    with serving(*network, '--host', '127.0.0.1') as (url, process):
        server_process, seen = psutil.Process(process.pid), []
        for _ in range(12):
            assert post(url, video)[0] == 'complete'
            assert post(url, damaged['none'])[0] == 'error'
            seen.append(server_process.memory_info().rss)
        assert seen[-1] < seen[3] * 1.1
    after = set(pathlib.Path(os.environ.get('TMPDIR', '/tmp')).glob('i3dbox_app_*'))
    assert not after - before


@pytest.mark.slow
def test_another_host_is_warned_of(network):
    with serving(*network, '--host', '0.0.0.0', said='there is no login') as (url, _):
        assert requests.get(url, timeout=9).status_code == 200


# The page


@pytest.fixture(scope='module')
def browser():
    api = pytest.importorskip('playwright.sync_api')
    names = ('chromium', 'chromium-browser', 'google-chrome')
    own = next((path for name in names if (path := shutil.which(name))), None)
    with api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=own,
                args=[
                    '--no-sandbox',
                    '--use-fake-device-for-media-stream',
                    '--use-fake-ui-for-media-stream',
                ],
            )
        except api.Error:
            pytest.skip('there is no Chromium')
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser, url, locale):
    """Yields the page; asserts that it asked nobody but its server."""
    context = browser.new_context(locale=locale)
    page, asked = context.new_page(), []
    page.on('request', lambda request: asked.append(request.url))
    page.goto(url)
    page.wait_for_selector('#start')
    yield page
    context.close()
    outside = [one for one in asked if not one.startswith((url, f'blob:{url}', 'data:'))]
    assert len(asked) > 5 and not outside


@pytest.mark.slow
@pytest.mark.parametrize(
    'locale, texts', [('en-US', TEXTS['en']), ('zh-CN', TEXTS['zh']), ('de', TEXTS['en'])]
)
def test_a_browser_sends_a_video_and_shows_what_happens(
    served, browser, joint, video, tmp_path, locale, texts
):
    with opened(browser, served, locale) as page:
        words = page.inner_text('body')
        shown = ('video', 'start', 'classes', 'timeline', 'labelled', 'answer', 'examples')
        assert [key for key in shown if texts[key] not in words] == []
        page.set_input_files('#video input[type=file]', video)
        page.wait_for_selector('#video video')
        page.click('#start')
        page.wait_for_selector('#timeline table', timeout=60000)
        best = inference_recognizer(joint, video, window=8).top(1)[0]
        assert best.name in page.inner_text('#classes')
        assert f'{best.probability:.0%}' in page.inner_text('#classes')
        page.wait_for_function(
            'document.querySelector("#labelled video").duration > 1', timeout=20000
        )
        assert '.csv' in page.inner_text('#files')
        picture = page.screenshot(full_page=True)
        pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        assert pixels.std() > 20 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 500


@pytest.mark.slow
def test_an_example_is_clicked_and_recognised(served, browser, video):
    with opened(browser, served, 'en-US') as page:
        page.get_by_text(os.path.basename(video)).click()
        page.wait_for_selector('#video video')
        page.click('#start')
        page.wait_for_selector('#timeline table', timeout=60000)


@pytest.mark.slow
def test_what_the_camera_records_is_recognised(served, browser):
    with opened(browser, served, 'en-US') as page:
        page.get_by_label('Capture from camera').click()
        page.get_by_text('Click to Access Webcam').click()
        record = page.locator('#video button[aria-label="start recording"]').first
        page.wait_for_timeout(2000)
        record.click()
        page.wait_for_timeout(2500)
        record.click()  # the same button ends it
        page.wait_for_timeout(2500)
        page.click('#start')
        page.wait_for_selector('#timeline table', timeout=20000)


@pytest.mark.slow
@pytest.mark.parametrize('locale, language', [('en-US', 'en'), ('zh-CN', 'zh')])
def test_a_browser_is_told_what_is_wrong(served, browser, damaged, locale, language):
    with opened(browser, served, locale) as page:
        page.click('#start')
        page.get_by_text(say(language, 'no_file')).wait_for(timeout=20000)
        page.set_input_files('#video input[type=file]', damaged['none'])
        page.wait_for_selector('#video video')
        page.click('#start')
        said = say(language, 'unreadable', reason='')
        page.get_by_text(said.strip()).first.wait_for(timeout=20000)
