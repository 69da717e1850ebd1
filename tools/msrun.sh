#!/usr/bin/env bash
# Starts a script on N ranks with MindSpore's msrun; dist_train.sh and dist_test.sh call it.
#   bash tools/msrun.sh N SCRIPT [arguments]
set -uo pipefail
ranks=$1
shift
nodes=${NNODES:-${SLURM_NNODES:-1}} node=${NODE_RANK:-${SLURM_NODEID:-0}} port=${PORT:-8118}
# two jobs of Slurm may share a machine
if [[ -z ${PORT:-} && ${SLURM_JOB_ID:-} =~ ^[0-9]+$ ]]; then port=$((20000 + SLURM_JOB_ID % 10000)); fi
if [ -z "${MASTER_ADDR:-}" ] && [ "$nodes" != 1 ] && [ -n "${SLURM_JOB_NODELIST:-}" ]; then
    MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" 2> /dev/null | head -n 1)
fi
timeout=${CLUSTER_TIMEOUT:-600}
# MindSpore's 30 seconds end a run on a CPU whose ranks validate or load at different speeds.
export MS_NODE_TIMEOUT=${MS_NODE_TIMEOUT:-120}
# HCCL's 120 seconds end a run whose ranks compile at different speeds.
export HCCL_CONNECT_TIMEOUT=${HCCL_CONNECT_TIMEOUT:-1200}
# whole NAME VALUE LEAST: ends the script where it is no whole number from LEAST on
whole() {
    if [[ ! $2 =~ ^[0-9]{1,6}$ ]] || [ "$2" -lt "$3" ]; then
        echo "$1 is a whole number from $3; got '$2'" >&2
        exit 2
    fi
}
whole "the number of ranks on this machine" "$ranks" 1
whole "NNODES, the number of machines," "$nodes" 1
if [ "$nodes" = 1 ] && [ -z "${NODE_RANK:-}" ]; then node=0; fi  # one task of a larger allocation of Slurm's
whole NODE_RANK "$node" 0
if [ "$node" -ge "$nodes" ]; then
    echo "NODE_RANK counts the machines from 0, and NNODES=$nodes; got $node" >&2
    exit 2
fi
for name in CLUSTER_TIMEOUT MS_NODE_TIMEOUT HCCL_CONNECT_TIMEOUT; do whole $name "${!name:-$timeout}" 1; done
if [ -n "${RANK_TABLE_FILE:-}" ] && [ ! -r "$RANK_TABLE_FILE" ]; then
    echo "RANK_TABLE_FILE: there is no file $RANK_TABLE_FILE" >&2
    exit 2
fi
address=${MASTER_ADDR:-127.0.0.1}
if [ "$nodes" != 1 ] && [ -z "${MASTER_ADDR:-}" ]; then
    echo "with NNODES=$nodes, MASTER_ADDR must be set to the first machine's address" >&2
    exit 2
fi
logs=${LOG_DIR:-work_dirs/dist_logs/$(date +%Y%m%d_%H%M%S)_node${node}_$$}
venv=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin
if [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && [ -x "$venv/msrun" ]; then PATH=$venv:$PATH; fi
if ! command -v msrun > /dev/null; then
    echo "msrun is not on the PATH: it comes with MindSpore; is its environment active?" >&2
    exit 1
fi
# the scheduler, on the first machine, would be silent about it until CLUSTER_TIMEOUT
if [ "$node" = 0 ]; then
    python3 - "$address" "$port" <<'PYTHON' || exit 1
import errno, socket, sys

address, port = sys.argv[1:]
try:
    if not port.isdecimal() or not 0 < int(port) < 65536:
        sys.exit(f'PORT is a number from 1 to 65535; got {port!r}')
    found = socket.getaddrinfo(address, int(port), type=socket.SOCK_STREAM)[0]
    with socket.socket(*found[:3]) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(found[4])
        probe.listen()
except OSError as error:
    taken = error.errno == errno.EADDRINUSE
    reason = 'is in use: name another one with PORT=N' if taken else f'cannot be used: {error.strerror}'
    sys.exit(f'the port {port} of {address} {reason}')
PYTHON
fi
mkdir -p "$logs"
# MindSpore's errors only, and no less: the end of a rank is one of them
if [[ ! ${GLOG_v:-} =~ ^[0-3]$ ]]; then GLOG_v=3; fi
export GLOG_v
table=()
if [ -n "${RANK_TABLE_FILE:-}" ]; then table=(--rank_table_file="$RANK_TABLE_FILE"); fi

touch "$logs/msrun.log"
# msrun, its scheduler and its `tail` share a process group, and the ranks end when msrun does (see
# engine/distributed.py), so that killing the group ends everything.
set -m
msrun --worker_num=$((ranks * nodes)) --local_worker_num="$ranks" --node_rank="$node" \
    --master_addr="$address" --master_port="$port" --log_dir="$logs" --join=True --tail_worker_log=$((node * ranks)) \
    --cluster_time_out="$timeout" ${table[@]+"${table[@]}"} "$@" 2> "$logs/msrun.log" &
job=$!
set +m  # or Ctrl-C would reach only the `sleep` below, as a group of its own
end_all() { kill -KILL -- -$job 2> /dev/null; wait $job 2> /dev/null; }
trap 'end_all; echo "stopped; logs are in $logs" >&2; exit 130' INT TERM HUP
# When a rank has failed, msrun kills the others and then waits half a minute for its scheduler.
while kill -0 $job 2> /dev/null && ! grep -q 'exit with exception' "$logs/msrun.log"; do sleep 0.5; done
if grep -q 'exit with exception' "$logs/msrun.log"; then
    sleep 2
    end_all
    status=1
else
    wait $job
    status=$?
fi
if [ $status -ne 0 ]; then
    where=''
    if [ "$nodes" != 1 ]; then where=', here or on another machine'; fi
    echo "a rank failed$where; what the ranks said last (whole logs are in $logs):" >&2
    for rank in $(seq $((node * ranks)) $((node * ranks + ranks - 1))); do
        log=$logs/worker_$rank.log
        if [ ! -f "$log" ]; then continue; fi
        echo "--- $(basename "$log")" >&2
        # an error of i3dbox's, or else the last lines
        grep ': error: ' "$log" >&2 || grep -vE '^ *$|^\[(INFO|WARNING)\]' "$log" | tail -n 4 >&2
    done
    exit $status
fi
