"""A server on this machine, whose moods are those of the network."""

import base64
import hashlib
import http.server
import threading


def blob(data):
    return 'git:' + hashlib.sha1(b'blob %d\0' % len(data) + data).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by path; `log` holds (path, Range) of each request. `behave` maps a path to a
    mood, `types` to a content type; `login` is the name:password that it asks for.
    """

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.files, self.log, self.behave, self.types = {}, [], {}, {}
        self.login = None
        self.sent = 0  # bytes, roughly
        self.url = f'http://127.0.0.1:{self.server_port}'

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get('Range')
        server.log.append((self.path, wanted))
        mood = server.behave.get(self.path)
        if self.is_stranger():
            return
        if mood == 'redirect':
            self.send_response(302)
            self.send_header('Location', f'{server.url}/elsewhere{self.path}')
            self.end_headers()
            return
        data = server.files.get(self.path.replace('/elsewhere', ''))
        if data is None:
            self.send_error(404)
            return
        start = 0
        if wanted and mood != 'no ranges':
            start = int(wanted.split('=')[1].rstrip('-'))
            if start >= len(data):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(data) - start))
        self.send_header('Content-Type', server.types.get(self.path, 'text/html'))
        self.end_headers()
        part = data[start:]
        if mood == 'dies' or isinstance(mood, int) and mood > 0:
            if isinstance(mood, int):
                server.behave[self.path] = mood - 1
            part = part[: len(part) // 2]
        slow = mood == 'trickles'
        for number in range(0, len(part), size := 1 if slow else 1 << 16):
            self.wfile.write(part[number : number + size])
            server.sent += size
            threading.Event().wait(0.1 * slow)  # tests do without time.sleep

    def is_stranger(self):
        if not self.server.login:
            return False
        expected = 'Basic ' + base64.b64encode(self.server.login.encode()).decode()
        if self.headers.get('Authorization') == expected:
            return False
        self.send_error(401)
        return True

    def log_message(self, *_):
        pass
