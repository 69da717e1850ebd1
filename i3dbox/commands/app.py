"""Serve a web page that recognises the videos that are dropped on it, and its HTTP API."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_recognizer_arguments(parser)
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='where it listens; default: 127.0.0.1, which this machine alone can reach. There is '
        'no login: whoever reaches the host may use it',
    )
    arguments.add_number(parser, '--port', 'of the server', low=1, high=65535, default=7860)
    arguments.add_choice(
        parser,
        '--share',
        ('off', 'on'),
        "on: also through a tunnel of Gradio's servers, for a week, for all who have the address",
    )
    parser.add_argument('--examples', metavar='FOLDER', help='of videos that can be clicked')
    arguments.add_number(parser, '--max-size', 'MB of a file', above=0, high=1e5, default=100)
    arguments.add_number(
        parser, '--max-seconds', 'seconds of a video', above=0, high=1e5, default=120
    )
    arguments.add_number(parser, '--max-waiting', 'videos that wait for their turn', default=8)
    arguments.add_number(parser, '--top', 'classes', default=5)
    arguments.add_engine_arguments(parser, exported=True)
    arguments.add_device_arguments(parser)
    arguments.add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    from ..app.job import Limits
    from ..app.server import check_gradio, check_port, find_examples, is_loopback, serve

    check_gradio()
    check_port(args.host, args.port)
    examples = find_examples(args.examples)
    named = arguments.model_of(args, args.stream)
    if not is_loopback(args.host):
        print(f'--host {args.host}: there is no login; whoever reaches this address may use it')
    if args.share == 'on':
        print('--share on: there is no login; whoever has the address may use it')
    recognizer = arguments.recognizer_of(args, named)
    limits = Limits(args.max_size, args.max_seconds, args.max_waiting)
    serve(
        recognizer,
        args.host,
        args.port,
        args.share == 'on',
        limits,
        args.top,
        examples,
        tell=lambda line: print(line, flush=True),
    )
