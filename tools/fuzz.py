"""Have the project read damaged and hostile files, and count what came of it.

    python tools/fuzz.py                              # all formats, 10 minutes
    python tools/fuzz.py --minutes 30 --jobs 2
    python tools/fuzz.py --format mp4 pt --minutes 1
    python tools/fuzz.py --format mp4 --seed 0 --case 17   # one case again, with its traceback

Each file must be read, or refused by an error that is one line for users: no other exception, no
crash, no more than 10 s, no more memory than 200 MB or three times the file, no socket. What breaks
this is kept in --keep, and the exit status is 1. Cases are the same for a seed. Needs what the
tests need: pip install -e '.[test]'.
"""

import argparse
import collections
import pathlib
import queue
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]

from fuzz.formats import formats  # noqa: E402
from fuzz.fuzzer import BAD, Counts, Worker  # noqa: E402
from fuzz.no_sockets import can_count  # noqa: E402
from terminaltables import AsciiTable  # noqa: E402


def main():
    args = parse_arguments()
    counts = [Counts(name, args.seed, args.keep) for name in args.format]
    with tempfile.TemporaryDirectory(prefix='fuzz') as folder:
        if args.case is not None:
            return again(counts[0], args.case, folder)
        seconds = 60 * args.minutes * args.jobs / len(counts)
        turns = queue.SimpleQueue()
        for count in counts:
            turns.put(count)
        workers = [Worker(f'{folder}/{number}') for number in range(args.jobs)]
        threads = [
            threading.Thread(target=run, args=(worker, turns, seconds), daemon=True)
            for worker in workers
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            print('interrupted', file=sys.stderr)
        finally:
            for worker in workers:
                worker.close()
    report(counts, args)
    return int(any(count.bad for count in counts))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--minutes', type=float, default=10, help='for all formats together')
    parser.add_argument('--format', nargs='+', choices=sorted(formats()), metavar='F', default=[])
    parser.add_argument('--seed', type=int, default=0, help='which cases there are')
    parser.add_argument('--jobs', type=int, default=1, help='formats at a time')
    parser.add_argument('--keep', default='fuzz', metavar='FOLDER', help='for what goes wrong')
    parser.add_argument('--case', type=int, metavar='N', help='this one alone, of one format')
    parser.epilog = f'Formats: {", ".join(sorted(formats()))}'
    args = parser.parse_args()
    if args.case is not None and len(args.format) != 1:
        parser.error('--case is one of a format: give --format F')
    args.format = args.format or sorted(formats())
    return args


def run(worker, turns, seconds):
    """Tries cases of one format after the other, each for so long."""
    while not turns.empty():
        counts = turns.get()
        end = time.monotonic() + seconds
        number = 0
        while time.monotonic() < end or number == 0:
            outcome = counts.try_case(worker, number)
            if outcome in BAD:
                print(f'{counts.format}: case {number}: {outcome}', flush=True)
            number += 1
        print(f'{counts.format}: {number} cases, {counts.bad} bad', flush=True)


def again(counts, number, folder):
    """Tries one case, and shows it."""
    with Worker(f'{folder}/again') as worker:
        outcome = counts.try_case(worker, number)
    print(f'case {number}: {outcome}')
    for (_, where), (_, _, details) in counts.kinds.items():
        print(f'{where}\n{details}')
    return int(outcome in BAD)


def report(counts, args):
    columns = ('read', 'refused', *BAD)
    all_ = sum((count.outcomes for count in counts), collections.Counter())
    rows = [['format', 'cases', *columns, 'most MB', 'slowest s']]
    for count in counts:
        numbers = [count.outcomes[column] for column in columns]
        most = count.memory >> 20, f'{count.seconds:.1f}'
        rows.append([count.format, sum(numbers), *numbers, *most])
    rows.append(['all', sum(all_.values()), *(all_[column] for column in columns), '', ''])
    print(AsciiTable(rows).table)
    if not can_count():
        print('Sockets are not counted on this system.')
    for count in counts:
        for (outcome, where), (number, first, _) in count.kinds.items():
            print(f'{count.format}: {outcome} {where}: {number} times, first in case {first}')
    if any(all_[column] for column in BAD):
        again = f'python tools/fuzz.py --format F --seed {args.seed} --case N'
        print(f'Kept in {args.keep}; one again: {again}')


if __name__ == '__main__':
    raise SystemExit(main())
