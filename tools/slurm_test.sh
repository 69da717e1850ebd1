#!/usr/bin/env bash
# Tests in Slurm; the figures are those of one device.
#   bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CKPT [arguments of test.py]
#   bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG --rgb CKPT --flow CKPT [...]     (two-stream)
# The environment variables are those of slurm_train.sh.
set -euo pipefail
if [ $# -lt 4 ]; then sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; fi
partition=$1 job=$2 config=$3
shift 3
checkpoint=()
if [[ $1 != -* ]]; then checkpoint=("$1"); shift; fi
here=$(dirname "$0")
source "$here/slurm.sh"
run_in_slurm dist_test.sh "$config" ${checkpoint[@]+"${checkpoint[@]}"} "$per_node" "$@"
