#!/usr/bin/env bash
# From nothing to figures: installs i3dbox in .venv, makes the built-in data set, trains both streams,
# tests them and their fusion, prints the figures and writes a report. About 10 minutes on 2 cores; a second call
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
checkpoint() { echo "$out/$1/$(cat "$out/$1/last_checkpoint")"; }
echo "== testing both streams and their fusion"
if ! [ -e "$out/joint.pkl" ] || [ "$out/rgb/last_checkpoint" -nt "$out/joint.pkl" ] \
    || [ "$out/flow/last_checkpoint" -nt "$out/joint.pkl" ]; then
    python tools/test.py configs/two_stream_synthetic.py --rgb "$(checkpoint rgb)" --flow "$(checkpoint flow)" \
        --out "$out/joint.pkl"
fi
python tools/analysis/report.py "$out/rgb" "$out/flow" "$out/joint.pkl" --out "$out/report"
