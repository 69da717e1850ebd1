#!/usr/bin/env bash
# From nothing to figures: installs i3dbox in .venv, makes the built-in data set, trains both streams,
# tests them and their fusion, and prints one table. About 10 minutes on 2 cores; a second call
# goes on where the first one stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/environment.sh
out=work_dirs/quickstart
mkdir -p "$out"

for stream in rgb flow; do
    echo "== training the $stream stream"
    python tools/train.py "configs/i3d_${stream}_synthetic.py" --work-dir "$out/$stream" --resume
done
scores() { # NAME TEST-ARGUMENTS...: scores a model, unless its file is newer than the checkpoints
    local file=$out/$1.pkl
    shift
    if ! [ -e "$file" ] || [ "$out/rgb/last_checkpoint" -nt "$file" ] || [ "$out/flow/last_checkpoint" -nt "$file" ]; then
        python tools/test.py "$@" --out "$file"
    fi
}
checkpoint() { echo "$out/$1/$(cat "$out/$1/last_checkpoint")"; }
echo "== testing both streams and their fusion"
scores rgb configs/i3d_rgb_synthetic.py "$(checkpoint rgb)"
scores flow configs/i3d_flow_synthetic.py "$(checkpoint flow)"
scores joint configs/two_stream_synthetic.py --rgb "$(checkpoint rgb)" --flow "$(checkpoint flow)"
python tools/summarize.py RGB="$out/rgb.pkl" Flow="$out/flow.pkl" "RGB + Flow=$out/joint.pkl"
