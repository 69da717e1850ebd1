# Sourced by slurm_train.sh and slurm_test.sh: how many machines GPUS devices take, and srun with a task on each.
ranks=${GPUS:-8} per_node=${GPUS_PER_NODE:-8}
for name in GPUS GPUS_PER_NODE CPUS_PER_TASK; do
    if [[ ! ${!name:-1} =~ ^[1-9][0-9]{0,5}$ ]]; then
        echo "$name is a whole number from 1; got '${!name}'" >&2
        exit 2
    fi
done
if [ "$ranks" -lt "$per_node" ]; then per_node=$ranks; fi
if [ $((ranks % per_node)) != 0 ]; then
    echo "GPUS, $ranks, must be a multiple of GPUS_PER_NODE, $per_node: each machine starts as many ranks" >&2
    exit 2
fi
if [ -z "$partition" ] || [ -z "$job" ] || [ -z "$config" ]; then
    echo "PARTITION, JOB_NAME and CONFIG are not empty; got '$partition', '$job', '$config'" >&2
    exit 2
fi
if ! command -v srun > /dev/null; then
    echo "srun is not on the PATH: this is for a Slurm cluster; without one see dist_train.sh" >&2
    exit 1
fi

# run_in_slurm SCRIPT [arguments]: waits for the machines, and for the script on all of them
run_in_slurm() {
    local script=$1 nodes=$((ranks / per_node)) options=()
    shift
    if [ -n "${GRES:-}" ]; then options+=("--gres=$GRES:$per_node"); fi
    if [ -n "${CPUS_PER_TASK:-}" ]; then options+=("--cpus-per-task=$CPUS_PER_TASK"); fi
    set -f  # a * in SRUN_ARGS names no files
    # shellcheck disable=SC2086  # SRUN_ARGS are several words
    exec srun --partition="$partition" --job-name="$job" --nodes="$nodes" --ntasks="$nodes" \
        --ntasks-per-node=1 --kill-on-bad-exit=1 ${options[@]+"${options[@]}"} ${SRUN_ARGS:-} \
        bash "$here/$script" "$@"
}
