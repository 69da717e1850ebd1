#!/usr/bin/env bash
# Tests the last checkpoints of a run, on one device or several, and names the best.
#   bash tools/sweep_checkpoints.sh CONFIG DIR [--last 8] [--devices N] [arguments of sweep_checkpoints.py]
# With several devices each checkpoint's videos are divided among them; the figures are those of one. A second call
# goes on where the first one stopped. The table is also in DIR/sweep/summary.txt and summary.json.
set -euo pipefail
if [ $# -lt 2 ]; then sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; fi
devices=1 arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --devices) devices=${2:?--devices needs a number}; shift 2 ;;
        --devices=*) devices=${1#*=}; shift ;;
        *) arguments+=("$1"); shift ;;
    esac
done
tools=$(dirname "$0")
if [ "$devices" = 1 ]; then exec python "$tools/sweep_checkpoints.py" "${arguments[@]}"; fi
exec bash "$tools/msrun.sh" "$devices" "$tools/sweep_checkpoints.py" "${arguments[@]}"
