#!/usr/bin/env bash
# From nothing to figures: installs i3dbox in .venv, recognises a real video with the weights of Kinetics-400, makes
# the built-in data set, trains both streams, tests them and their fusion, prints the figures and writes a report.
# About 12 minutes on 2 cores; a second call goes on where the first one stopped.
#   bash tools/quickstart.sh [VIDEO]
set -euo pipefail
video=${1:+$(realpath -m "$1")}
if [ -n "$video" ] && [ ! -e "$video" ]; then
    echo "there is no video $1" >&2
    exit 2
fi
cd "$(dirname "$0")/.."
source tools/environment.sh
out=work_dirs/quickstart
mkdir -p "$out"

if [ -n "$video" ] || ! [ -e "$out/first_answer.mp4" ]; then
    echo "== what is in a video: I3D with the weights of Kinetics-400"
    if [ -z "$video" ]; then video=$(python -m i3dbox.downloads.samples) || video=; fi
    if [ -n "$video" ] && python tools/demo.py "$video" --model i3d_rgb_kinetics400 --out "$out/first_answer.mp4"; then
        echo "any other video: python tools/demo.py VIDEO --model i3d_rgb_kinetics400"
    else
        echo "no answer: the weights and a video come over a network, see docs/weights.md. The rest needs none." >&2
    fi
fi

source tools/environment.sh train
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
