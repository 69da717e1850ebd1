#!/usr/bin/env bash
# Trains in Slurm, on as many machines as GPUS devices take.
#   [GPUS=16] [GPUS_PER_NODE=8] [GRES=npu] [CPUS_PER_TASK=96] [SRUN_ARGS="--time=1-0"] \
#       bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [arguments of train.py]
# The names are mmaction2's; a GPU stands for a device of any kind, or for a process on CPUs. GRES is what
# the cluster calls its devices. See docs/distributed.md.
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; fi
partition=$1 job=$2 config=$3
shift 3
here=$(dirname "$0")
source "$here/slurm.sh"
run_in_slurm dist_train.sh "$config" "$per_node" "$@"
