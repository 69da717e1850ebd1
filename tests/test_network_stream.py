"""Videos and cameras by address: recordings are read as files are, cameras are called again, and
nothing else is opened on the way.
"""

import http.server
import os
import socket
import subprocess
import sys
import threading
import time

import av
import numpy as np
import pytest
from test_recognize import made
from videos import moving_frames, write_video

from i3dbox.commands import main
from i3dbox.errors import ConfigError, DamagedSampleError
from i3dbox.media import network_stream
from i3dbox.media.frame_iterator import FrameIterator
from i3dbox.media.network_stream import NetworkStream, shown_address


def transport_stream(path, frames):
    """Writes frames as MPEG-TS, which a camera may send without an end."""
    with av.open(str(path), 'w', format='mpegts') as container:
        stream = container.add_stream('mpeg2video', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        stream.gop_size = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture(scope='module')
def frames():
    return moving_frames(16)


@pytest.fixture(scope='module')
def server(tmp_path_factory, frames):
    """A server: a.avi, live.ts (twice, and then no more), list.m3u8, a.txt; `calls` counts."""
    folder = tmp_path_factory.mktemp('served')
    write_video(folder / 'a.avi', frames)
    live = transport_stream(folder / 'live.ts', frames)
    (folder / 'list.m3u8').write_text('#EXTM3U\n#EXTINF:1,\nlive.ts\n#EXT-X-ENDLIST\n')
    (folder / 'a.txt').write_text('no video ' * 100)
    calls = {}

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def do_GET(self):
            calls[self.path] = calls.get(self.path, 0) + 1
            if self.path != '/live.ts':
                return super().do_GET()
            if calls[self.path] > 2:
                return self.send_error(404)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(live)

        def log_message(self, *_):
            pass

    served = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{served.server_port}', calls, folder
    served.shutdown()


def test_a_recording_is_read_as_the_file_is(server):
    address, _, folder = server
    here = list(FrameIterator(str(folder / 'a.avi')))
    there = FrameIterator(f'{address}/a.avi')
    assert (there.name, there.total, there.fps) == ('a', len(here), 25)
    found = list(there)
    np.testing.assert_array_equal([frame for _, frame in found], [frame for _, frame in here])
    assert [when for when, _ in found] == [when for when, _ in here]


def test_a_camera_that_is_lost_is_called_again_and_its_end_is_told(server, frames, monkeypatch):
    address, calls, _ = server
    calls.clear()
    stream = NetworkStream(f'{address}/live.ts', patience=0.6)
    assert stream.live and stream.stated is None
    found = list(stream)
    # where a connection breaks, the frame that the decoder still holds is lost
    assert 2 * len(frames) - 2 <= len(found) <= 2 * len(frames)
    times = [when for when, _ in found]
    assert times == sorted(times)
    assert stream.lost == 2 and stream.ended == 'lost, and silent for 1 s'
    assert calls['/live.ts'] > 2


def test_a_camera_does_not_wait_for_who_is_slow(server, monkeypatch, frames):
    address, calls, _ = server
    calls.clear()
    monkeypatch.setattr(network_stream, 'HELD', 4)
    stream = NetworkStream(f'{address}/live.ts', patience=0.3)
    shown = iter(stream)
    first = next(shown)
    time.sleep(1.5)
    rest = list(shown)
    assert stream.left_out > 0 and len(rest) <= 4
    assert first[1].shape == (48, 64, 3)
    assert 2 * len(frames) - 2 <= stream.left_out + 1 + len(rest) <= 2 * len(frames)


def test_who_stops_early_lets_go(server):
    address, calls, _ = server
    calls.clear()
    stream = NetworkStream(f'{address}/live.ts')
    next(iter(stream))
    before = threading.active_count()
    stream.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before - 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() < before


@pytest.mark.parametrize('name', ['list.m3u8', 'a.txt', 'absent.mp4'])
def test_what_is_no_video_is_refused_and_nothing_it_names_is_opened(server, name):
    address, calls, _ = server
    calls.clear()
    with pytest.raises(DamagedSampleError, match=f'{name}: cannot be opened'):
        FrameIterator(f'{address}/{name}')
    assert set(calls) == {f'/{name}'}


@pytest.mark.parametrize('scheme', ['rtsp', 'http'])
def test_a_server_that_says_nothing_is_told_as_that(scheme, monkeypatch):
    monkeypatch.setattr(network_stream, 'SECONDS', 0.3)
    with socket.socket() as silent:
        silent.bind(('127.0.0.1', 0))
        silent.listen()
        with pytest.raises(DamagedSampleError, match='cannot be opened: no answer in 0.3 s'):
            NetworkStream(f'{scheme}://127.0.0.1:{silent.getsockname()[1]}/x')


def test_other_schemes_are_told_and_files_with_a_colon_are_files(tmp_path):
    for source in ('ftp://a/b.mp4', 'file:///etc/passwd', 'concat://a'):
        with pytest.raises(ConfigError, match='an address begins with rtsp, rtsps, http, https'):
            FrameIterator(source)
    with pytest.raises(DamagedSampleError, match='http:a.avi: cannot be opened'):
        FrameIterator('http:a.avi')


def test_passwords_are_not_shown():
    shown = shown_address('rtsp://me:secret@10.0.0.1:554/h264/ch1?token=abc')
    assert shown == 'rtsp://10.0.0.1:554/h264/ch1'
    with pytest.raises(DamagedSampleError) as error:
        FrameIterator('rtsp://me:secret@127.0.0.1:1/ch1')
    assert 'secret' not in str(error.value) and '127.0.0.1:1/ch1' in str(error.value)


@pytest.mark.slow
def test_demo_takes_an_address_and_the_standard_input(server, tmp_path, capsys):
    address, _, folder = server
    cfg, checkpoint = made(tmp_path / 'network', 'rgb')
    cfg.dump(tmp_path / 'c.py')
    named = ['--config', str(tmp_path / 'c.py'), '--checkpoint', str(checkpoint)]
    assert main('demo', [f'{address}/a.avi', *named]) == 0
    by_address = capsys.readouterr().out.splitlines()[1:]
    assert main('demo', [str(folder / 'a.avi'), *named]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == by_address
    with open(folder / 'a.avi', 'rb') as file:
        piped = subprocess.run(
            [sys.executable, '-m', 'i3dbox', 'demo', '-', *named],
            stdin=file,
            capture_output=True,
            text=True,
            timeout=200,
            cwd=os.getcwd(),
        )
    assert piped.stdout.splitlines()[1:] == by_address, piped.stderr
