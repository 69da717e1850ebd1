"""The processes of a Ray cluster: a task a source, on several machines that share a folder."""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .. import __version__
from ..errors import ConfigError, DataError, first_line
from ..workers import usable_cores
from .pools import DIED, longest_first, told
from .ray_tasks import Counter, Question, look_for, reply, work

logger = logging.getLogger(__name__)
_PATIENCE = 15  # seconds for tasks to clear away what they have half done
_LOOK = 1  # seconds between two looks at the machines
_SAY = 60  # seconds between two words about waiting
_GRACE = 5  # and until the first
_STUCK = 5  # seconds after which a task that has not begun goes to a machine that is free
_ANSWER = 5  # seconds for a cluster to answer at its address
_PROTOBUF = ('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION', 'python')
_ORPHAN = 120  # seconds in which the process of a lost machine gives up its locks


class _Machine(NamedTuple):
    """A node of the cluster: its id, its name, how many tasks it works on at a time, the threads of
    each, and what each claims of it.
    """

    id: str
    name: str
    slots: int
    threads: int
    claim: dict


class _Task(NamedTuple):
    """A task: its number, source and machine, since when, and whether it is a suspect's."""

    number: int
    source: Any
    machine: _Machine
    since: float
    alone: bool


class RayPool:
    """The machines of a Ray cluster, also those that come and go. A Pool.

    Which machine works on what is decided here and not by Ray: so it is known with which one a task
    was lost, and one that lacks i3dbox or the folder gets none.

    Args:
        address: of ray.init: 'auto', HOST:PORT, or 'local' for a cluster of this machine alone.
        cpus: that a task claims; default: one, or more where there are fewer sources than CPUs.
        network: tasks run a network, which by default takes all CPUs of a machine.
        npu: and one NPU each.

    Raises:
        ConfigError: there is no Ray, or no cluster.
    """

    def __init__(
        self, address: str, cpus: int | None = None, network: bool = False, npu: bool = False
    ):
        self._ray = _connected(address)
        self._cpus = cpus
        self._network = network
        self._npu = npu
        self._desk = None

    @property
    def frames(self) -> int:
        return self._desk.frames if self._desk else 0

    def ask(self, function: Callable, *arguments: Any) -> Any:
        """See Pool.ask; waits for a machine that fits."""
        question = Question('', '', function, arguments)
        for source, result, reason in self.run(reply, [question]):
            if reason is not None:
                raise DataError(reason)
            if source is not None:
                value, error = result[1]
                if error is not None:
                    raise error
        return value

    def run(self, function: Callable, sources: Sequence, out: str | None = None) -> Iterator[tuple]:
        """See Pool.run. `sources` and `out` are where all machines see them under the same names.

        Raises:
            ConfigError: no machine has as many CPUs as a task takes.
            DataError: a machine that is there at the start does not fit.
        """
        nodes = [node['Resources'] for node in self._ray.nodes() if node['Alive']]
        largest = int(max((has.get('CPU', 0) for has in nodes), default=0))
        if self._cpus and 0 < largest < self._cpus:
            raise ConfigError(
                f'--workers {self._cpus}: with --ray these are the CPUs that a task takes, and no '
                f'machine of the cluster has more than {largest}'
            )
        with contextlib.ExitStack() as stack:
            read = (getattr(source, 'sources', [source])[0].path for source in sources)
            seen = [next(filter(os.path.exists, read), None)]
            if out:
                # a name that no other folder has that happens to be called the same elsewhere
                marker = tempfile.NamedTemporaryFile(dir=os.path.abspath(out), prefix='.ray-')
                seen.append(stack.enter_context(marker).name)
            seen = [os.path.abspath(path) for path in seen if path]
            self._desk = _Desk(self._ray, function, sources, seen, self._described)
            stack.callback(self._desk.close)
            yield from self._desk.work()

    def _described(self, node, cpus_of_all, sources):
        """Returns the _Machine of a node as Ray describes it; without slots where nothing fits."""
        has = node['Resources']
        cpus, npus = int(has.get('CPU', 0)), int(has.get('NPU', 0))
        if self._cpus:
            each = self._cpus
        elif self._network:
            each = max(1, cpus // max(npus, 1) if self._npu else cpus)
        else:
            each = max(1, min(cpus_of_all // sources, cpus))
        slots = min(cpus // each, npus) if self._npu else cpus // each
        name = f'{node["NodeManagerHostname"]} ({node["NodeManagerAddress"]})'
        claim = dict(num_cpus=each, resources={'NPU': 1} if self._npu else {})
        return _Machine(node['NodeID'], name, slots, each, claim)


class _Desk:
    """Hands the sources of one run out to machines, and takes what comes back."""

    def __init__(self, ray, function, sources, seen, described):
        self.frames = 0
        self._ray = ray
        self._function = function
        self._described = described
        self._count = len(sources)
        self._waiting = longest_first(sources)
        self._suspects = collections.deque()  # whose process died: each is tried alone
        self._doubtful = collections.defaultdict(list)  # by machine: tasks that died there
        self._moved = set()  # names of sources that another process may still work on
        self._machines = {}  # those that fit, by id
        self._known = set()  # ids of all that were looked at
        self._looks = {}  # by reference of the answer to come: _Machine
        self._tasks = {}  # by reference of the answer to come: _Task
        self._gone = set()  # ids of machines
        self._crowded = set()  # ids of machines where tasks did not begin
        self._begun = set()  # numbers of tasks
        self._number = 0
        self._at_start = True
        self._looked = self._said = -_SAY
        here = ray.get_runtime_context().get_node_id()
        self._counter = ray.remote(Counter).options(num_cpus=0, **self._on(here)).remote()
        self._asked = None
        # Ray knows them again, and has the process that did one task do the next
        self._look = ray.remote(look_for(__version__, seen))
        self._work = ray.remote(work)

    def _on(self, machine):
        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        return dict(scheduling_strategy=strategy(machine, soft=False))

    def work(self):
        """Yields as Pool.run does."""
        self._find_machines()
        while self._looks:  # a machine that does not fit is told before work starts
            yield from self._take_next()
        self._at_start = False
        while self._waiting or self._suspects or self._tasks or self._doubtful:
            self._find_machines()
            self._hand_out()
            yield from self._take_next()

    def close(self):
        """Ends what runs: what is half done is cleared away by whoever does it."""
        tasks = list(self._tasks)
        with contextlib.suppress(self._ray.exceptions.RayError):
            for task in tasks:
                self._ray.cancel(task)
            if tasks:
                _, tasks = self._ray.wait(tasks, num_returns=len(tasks), timeout=_PATIENCE)
            for task in tasks:
                self._ray.cancel(task, force=True)
            self._ray.kill(self._counter)

    # machines

    def _find_machines(self):
        """Looks, now and then, for machines that are new or gone."""
        now = time.monotonic()
        if now < self._looked + _LOOK:
            return
        self._looked = now
        nodes = [node for node in self._ray.nodes() if node['Alive']]
        for machine in set(self._machines) - {node['NodeID'] for node in nodes}:
            del self._machines[machine]
        cpus = int(sum(node['Resources'].get('CPU', 0) for node in nodes))
        for node in nodes:
            machine = self._described(node, cpus, self._count)
            if machine.slots and machine.id not in self._known:
                self._known.add(machine.id)
                self._look_at(machine)
        if self._machines or self._looks:
            self._said = max(self._said, now - _SAY + _GRACE)
        elif now >= self._said + _SAY:
            self._said = now
            logger.warning('no machine of the Ray cluster can take work now; waiting for one')

    def _look_at(self, machine):
        look = self._look.options(num_cpus=0, max_retries=0, **self._on(machine.id))
        self._looks[look.remote()] = machine

    def _take_look(self, machine, answer):
        """Takes what a machine says of itself; where there were doubts it tells whether tasks died
        of their sources, or with it.
        """
        doubtful = self._doubtful.pop(machine.id, [])
        try:
            problem = self._ray.get(answer)
        except self._ray.exceptions.RayError:
            self._machines.pop(machine.id, None)
            self._known.discard(machine.id)  # it may only have been out of reach
            self._gone.add(machine.id)
            if doubtful:
                logger.warning('%s is lost; others do its work again', machine.name)
            for task in doubtful:
                self._put_back(task)
            return
        self._gone.discard(machine.id)
        for task in doubtful:
            if task.alone:
                yield task.source, None, DIED
            else:
                self._suspects.append(task.source)
        if not problem:
            self._machines[machine.id] = machine
            return
        self._machines.pop(machine.id, None)
        if self._at_start:
            raise DataError(f'{machine.name} {problem}')
        logger.warning('%s %s: it gets no work', machine.name, problem)

    # sources

    def _hand_out(self):
        load = collections.Counter(task.machine.id for task in self._tasks.values())

        def order(machine):
            return load[machine.id] / machine.slots, machine.id in self._crowded

        while self._waiting and self._machines:
            machine = min(self._machines.values(), key=order)
            # one more than it works on, so that it never waits for the next
            if load[machine.id] > machine.slots:
                return
            self._submit(self._waiting.popleft(), machine)
            load[machine.id] += 1
        if self._suspects and self._machines and not (self._tasks or self._doubtful):
            self._submit(self._suspects.popleft(), min(self._machines.values(), key=order), True)
        if any(load[machine.id] < machine.slots for machine in self._machines.values()):
            self._take_back()

    def _submit(self, source, machine, alone=False):
        self._number += 1
        work = self._work.options(max_retries=0, **self._on(machine.id), **machine.claim)
        patience = _ORPHAN if source.name in self._moved else 0
        answer = work.remote(
            self._function,
            source,
            machine.threads,
            patience,
            self._number,
            self._counter,
            os.getcwd(),
        )
        self._tasks[answer] = _Task(self._number, source, machine, time.monotonic(), alone)

    def _take_back(self):
        """Cancels tasks that have not begun, as others use their machines, for one that is free."""
        late = time.monotonic() - _STUCK
        stuck = {ref: task for ref, task in self._tasks.items() if task.since < late}
        if any(task.number not in self._begun for task in stuck.values()):
            self._ask_counter()
        for ref, task in stuck.items():
            if task.number not in self._begun:
                self._crowded.add(task.machine.id)
                self._ray.cancel(ref)

    def _take_next(self):
        """Waits for an answer, and yields what it means; waits half a second at most."""
        answers = [*self._looks, *self._tasks]
        if answers:
            answers, _ = self._ray.wait(answers, timeout=0.5)
        else:
            time.sleep(0.5)
        if not answers:
            self._ask_counter()
            yield None, None, None
        for answer in answers:
            if answer in self._looks:
                yield from self._take_look(self._looks.pop(answer), answer)
            else:
                yield from self._take(self._tasks.pop(answer), answer)

    def _take(self, task, answer):
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(answer)
        except errors.TaskCancelledError:
            self._put_back(task)
        except errors.RayTaskError as error:  # as what cannot be pickled
            yield task.source, None, first_line(error.cause or error)
        except errors.RayError:  # its process is gone, or its machine
            if task.machine.id in self._gone:
                self._put_back(task)
                return
            if not self._doubtful[task.machine.id]:
                self._look_at(task.machine)
            self._doubtful[task.machine.id].append(task)
        else:
            yield (task.source, *told(answer))

    def _put_back(self, task):
        self._moved.add(task.source.name)
        (self._suspects if task.alone else self._waiting).appendleft(task.source)

    def _ask_counter(self):
        """Hears from the counter how far tasks are, where it answers at once."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._asked = self._asked or self._counter.state.remote()
            if self._ray.wait([self._asked], timeout=0.2)[0]:
                asked, self._asked = self._asked, None
                self.frames, begun = self._ray.get(asked)
                self._begun.update(begun)


def _check_address(address):
    """Raises ConfigError for what is no address, and where nothing answers, before Ray, which waits
    for it a quarter of an hour.
    """
    if address in ('auto', 'local'):
        return
    if address.startswith('ray://'):
        raise ConfigError(
            f'--ray {address}: this is the address of a Ray Client, which does not see the files: '
            'start the command on a machine of the cluster, with --ray auto'
        )
    host, _, port = address.rpartition(':')
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(
            f"--ray is 'auto', 'local' or HOST:PORT, as 10.0.0.1:6379; got {address!r}"
        )
    try:
        socket.create_connection((host.strip('[]'), int(port)), timeout=_ANSWER).close()
    except OSError as error:
        raise ConfigError(
            f'--ray {address}: nothing answers there ({error.strerror or error}); on a machine of '
            'the cluster `ray status` tells its address, and --ray auto finds it'
        ) from error


def _connected(address):
    """Returns the module ray, connected to a cluster."""
    _check_address(address)
    # MindSpore 2.7 and 2.8 cannot use the Protocol Buffers that Ray has imported before them
    os.environ.setdefault(*_PROTOBUF)
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')  # nothing is sent home unasked
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise ConfigError(f'--ray needs Ray: pip install "i3dbox[ray]" ({error})') from error
    here = dict(num_cpus=usable_cores(), include_dashboard=False) if address == 'local' else {}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address,
            ignore_reinit_error=True,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=dict(env_vars=dict([_PROTOBUF])),
            **here,
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ConfigError(
            f'--ray {address}: {first_line(error)}; this machine must be one of the cluster, and '
            'have its token if it has one (see `i3dbox docs distributed`)'
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray takes it
    return ray
