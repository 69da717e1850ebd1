#!/usr/bin/env bash
# Trains on several devices or processes, on one machine or several.
#   bash tools/dist_train.sh CONFIG N [arguments of train.py]
# N is the number of ranks on this machine. For several machines run it on each, with
#   NNODES (machines), NODE_RANK (0 on the first), MASTER_ADDR (the first's address), PORT (default 8118).
# A RANK_TABLE_FILE is handed on where one is set. LOG_DIR: where the ranks' logs go.
set -euo pipefail
if [ $# -lt 2 ]; then sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; fi
config=$1 ranks=$2
shift 2
exec bash "$(dirname "$0")/msrun.sh" "$ranks" "$(dirname "$0")/train.py" "$config" "$@"
