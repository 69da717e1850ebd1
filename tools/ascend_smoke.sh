#!/usr/bin/env bash
# Ten minutes on a new Ascend machine: what it has, every operator of I3D, training steps in each amp level
# with and without data sink, two ranks, an export and one inference. Writes one report that can be sent.
#   bash tools/ascend_smoke.sh [REPORT] [DEVICE] [CONFIG]
# DEVICE: Ascend (default), or CPU to see the script itself work. CONFIG: instead of I3D on the built-in data set.
set -uo pipefail
cd "$(dirname "$0")/.."
report=$(realpath -m "${1:-ascend_smoke.txt}")
device=${2:-Ascend}
case $device in Ascend | CPU) ;; *)
    echo "DEVICE is Ascend or CPU; got '$device'" >&2
    exit 2
    ;;
esac
mkdir -p "$(dirname "$report")" && : > "$report" || exit 1  # and not after ten minutes
python=python3
if [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && [ -x .venv/bin/python ]; then python=$PWD/.venv/bin/python; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exec > >(tee "$report") 2>&1
failed=0

# try LINES NAME COMMAND...: runs it, and says how it ended and how long it took; LINES of what it said are kept
try() {
    local lines=$1 name=$2 begin=$SECONDS
    shift 2
    echo "== $name: $*"
    if timeout 600 "$@" > "$work/out.txt" 2>&1; then
        tail -n "$lines" "$work/out.txt"
        echo "-- ok: $name ($((SECONDS - begin)) s)"
    else
        echo "-- FAILED with $?: $name ($((SECONDS - begin)) s)"
        tail -n 40 "$work/out.txt"
        if [ -d "$work/logs" ]; then tail -n 40 "$work"/logs/*.log; fi
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
try 99 "this machine" $python -m i3dbox env
if [ "$device" = Ascend ]; then try 99 "what Ascend needs" $python -m i3dbox env --ascend; fi
try 99 "every operator, forward and backward" $python tools/ascend_operators.py --device "$device"
levels="O1 O2 O3"
if [ "$device" = CPU ]; then levels=O0; fi
for level in $levels; do
    for sink in 0 2; do
        if [ "$device" = CPU ] && [ $sink != 0 ]; then continue; fi
        runner=""
        if [ "$device" = Ascend ]; then runner="runner.Ascend.amp_level=$level runner.Ascend.sink_size=$sink"; fi
        try 3 "training, $level, sink $sink" $python tools/train.py $config --device "$device" \
            --work-dir "$work/$level-$sink" --cfg-options $small $steps $runner
    done
done
cards=(/dev/davinci[0-9]*)
if [ "$device" = Ascend ] && [ ${#cards[@]} -lt 2 ]; then
    echo "== two ranks: left out, as this machine has one card"
else
    export LOG_DIR=$work/logs
    try 3 "two ranks" bash tools/dist_train.sh $config 2 --device "$device" --work-dir "$work/ranks" \
        --cfg-options $small $steps
    rm -rf "$work/logs"
fi
checkpoint=$(ls "$work"/*-0/epoch_1.ckpt 2> /dev/null | head -n 1)  # of the first level that trained
try 3 "test" $python tools/test.py $config "$checkpoint" --device "$device" --out "$work/scores.json"
try 3 "export" $python tools/export.py $config "$checkpoint" --format MINDIR --out "$work/a.mindir"
try 3 "inference" $python tools/ascend_operators.py --device "$device" --run "$work/a.mindir"
echo "== $failed of the steps failed. This report is $report"
exit $((failed > 0))
