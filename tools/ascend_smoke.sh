#!/usr/bin/env bash
# Ten minutes on a new Ascend machine: what it has, every operator of I3D, training steps in each amp level
# with and without data sink, two ranks, an export and one inference. Writes one report that can be sent.
#   bash tools/ascend_smoke.sh [REPORT] [DEVICE] [CONFIG]
# DEVICE: Ascend (default), or CPU to see the script itself work. CONFIG: instead of I3D on the built-in data set.
set -uo pipefail
cd "$(dirname "$0")/.."
report=$(realpath -m "${1:-ascend_smoke.txt}")
device=${2:-Ascend}
python=python3
if [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && [ -x .venv/bin/python ]; then python=$PWD/.venv/bin/python; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exec > >(tee "$report") 2>&1
failed=0

# try NAME COMMAND...: runs it, and says how it ended and how long it took
try() {
    local name=$1 begin=$SECONDS
    shift
    echo "== $name: $*"
    if timeout 600 "$@" > "$work/out.txt" 2>&1; then
        tail -n 3 "$work/out.txt"
        echo "-- ok: $name ($((SECONDS - begin)) s)"
    else
        echo "-- FAILED with $?: $name ($((SECONDS - begin)) s)"
        tail -n 40 "$work/out.txt"
        failed=$((failed + 1))
    fi
}

config=${3:-configs/i3d_rgb_synthetic.py}
small="total_epochs=1 data.batch_size=2 data.num_workers=2 hooks.0.interval=1"
steps=""
if [ $# -lt 3 ]; then
    for part in train val test; do
        few=data.$part.generation
        steps+=" $few.train_groups=2 $few.test_groups=1 $few.clips_per_group=1"
    done
fi
echo "i3dbox smoke test, $(date -u +%Y-%m-%dT%H:%MZ), device $device"
try "this machine" $python -m i3dbox env
if [ "$device" = Ascend ]; then try "what Ascend needs" $python -m i3dbox env --ascend; fi
try "every operator, forward and backward" $python tools/ascend_operators.py --device "$device"
levels="O1 O2 O3"
if [ "$device" = CPU ]; then levels=O0; fi
for level in $levels; do
    for sink in 0 2; do
        if [ "$device" = CPU ] && [ $sink != 0 ]; then continue; fi
        runner=""
        if [ "$device" = Ascend ]; then runner="runner.Ascend.amp_level=$level runner.Ascend.sink_size=$sink"; fi
        try "training, $level, sink $sink" $python tools/train.py $config --device "$device" \
            --work-dir "$work/$level-$sink" --cfg-options $small $steps $runner
    done
done
export LOG_DIR=$work/logs
try "two ranks" bash tools/dist_train.sh $config 2 --device "$device" --work-dir "$work/ranks" --cfg-options $small $steps
checkpoint=$work/$level-0/epoch_1.ckpt
try "test" $python tools/test.py $config "$checkpoint" --device "$device" --out "$work/scores.json"
try "export" $python tools/export.py $config "$checkpoint" --format MINDIR --out "$work/a.mindir"
try "inference" $python tools/ascend_operators.py --device "$device" --run "$work/a.mindir"
echo "== $failed of the steps failed. This report is $report"
exit $((failed > 0))
