#!/usr/bin/env bash
# Tests on several devices or processes; the figures are those of one.
#   bash tools/dist_test.sh CONFIG CKPT N [arguments of test.py]
#   bash tools/dist_test.sh CONFIG N --rgb CKPT --flow CKPT [...]     (two-stream)
# The environment variables are those of dist_train.sh.
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; fi
config=$1
shift
checkpoint=()
if [[ ! $1 =~ ^[0-9]+$ ]]; then checkpoint=("$1"); shift; fi
ranks=$1
shift
exec bash "$(dirname "$0")/msrun.sh" "$ranks" "$(dirname "$0")/test.py" "$config" ${checkpoint[@]+"${checkpoint[@]}"} "$@"
