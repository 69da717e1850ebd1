#!/usr/bin/env bash
# All four models over their test sets, and both streams of each together.
#   bash tools/deploy/run_infer_310_all.sh RGB_UCF101 FLOW_UCF101 RGB_HMDB51 FLOW_HMDB51 DEVICE_ID [arguments of preprocess.py]
# The first four are artefacts of tools/export.py; see run_infer_310.sh. DESCRIPTIONS="A B C D" names those of converted
# files, in the same order.
set -euo pipefail
if [ $# -lt 5 ]; then sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; fi
artefacts=("$1" "$2" "$3" "$4") device=$5
shift 5
for artefact in "${artefacts[@]}"; do
    if [ ! -f "$artefact" ]; then echo "$artefact does not exist" >&2; exit 1; fi
done
read -ra descriptions <<< "${DESCRIPTIONS:-}"
here=$(dirname "$0")
base=${OUT:-infer_310}
number=0
for dataset in ucf101 hmdb51; do
    for mode in rgb flow; do
        echo "==== $dataset, $mode"
        OUT=$base/${dataset}_$mode DESCRIPTION=${descriptions[$number]:-} bash "$here/run_infer_310.sh" "${artefacts[$number]}" $dataset "$device" $mode "$@"
        number=$((number + 1))
    done
    echo "==== $dataset, both streams"
    python "$here/postprocess.py" "$base/${dataset}_rgb" "$base/${dataset}_flow" --out "$base/$dataset.pkl"
done
