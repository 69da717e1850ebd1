#!/usr/bin/env bash
# Starts a script on N ranks with MindSpore's msrun; dist_train.sh and dist_test.sh call it.
#   bash tools/msrun.sh N SCRIPT [arguments]
set -uo pipefail
ranks=$1
shift
if [[ ! $ranks =~ ^[1-9][0-9]*$ ]]; then
    echo "the number of ranks on this machine must be a whole number from 1; got '$ranks'" >&2
    exit 2
fi
nodes=${NNODES:-1} node=${NODE_RANK:-0} address=${MASTER_ADDR:-127.0.0.1} port=${PORT:-8118}
logs=${LOG_DIR:-work_dirs/dist_logs/$(date +%Y%m%d_%H%M%S)_node$node}
venv=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin
if [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && [ -x "$venv/msrun" ]; then PATH=$venv:$PATH; fi
if ! command -v msrun > /dev/null; then
    echo "msrun is not on the PATH: it comes with MindSpore; is its environment active?" >&2
    exit 1
fi
mkdir -p "$logs"
export GLOG_v=${GLOG_v:-3}  # MindSpore's errors only
table=()
if [ -n "${RANK_TABLE_FILE:-}" ]; then table=(--rank_table_file="$RANK_TABLE_FILE"); fi

# The ranks end when msrun does (see engine/distributed.py); so ending msrun ends everything.
msrun --worker_num=$((ranks * nodes)) --local_worker_num="$ranks" --node_rank="$node" \
    --master_addr="$address" --master_port="$port" --log_dir="$logs" --join=True --tail_worker_log=$((node * ranks)) \
    --cluster_time_out="${CLUSTER_TIMEOUT:-600}" "${table[@]}" "$@" 2> "$logs/msrun.log" &
job=$!
trap 'kill -KILL $job 2> /dev/null; wait $job 2> /dev/null; echo "stopped; logs are in $logs" >&2; exit 130' INT TERM
wait $job
status=$?
if [ $status -ne 0 ]; then
    echo "a rank failed; what the ranks said last (whole logs are in $logs):" >&2
    for log in "$logs"/worker_*.log; do
        echo "--- $(basename "$log")" >&2
        grep -vE '^ *$|^\[(INFO|WARNING)\]' "$log" | tail -n 4 >&2
    done
    exit $status
fi
