#!/usr/bin/env bash
# An exported model over a test set, from the videos to the accuracy.
#   bash tools/deploy/run_infer_310.sh ARTEFACT DATASET DEVICE_ID MODE [arguments of preprocess.py]
# ARTEFACT: a .mindir or .onnx of tools/export.py. DATASET: ucf101, hmdb51, synthetic, or a config of your own.
# DEVICE_ID: the number of an Ascend 310, or cpu. MODE: rgb, flow or joint (an artefact of both streams).
# What lies in OUT (default: infer_310/DATASET_MODE) is used again. BACKEND, PRECISION and DESCRIPTION are infer.py's.
set -euo pipefail
if [ $# -lt 4 ]; then sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; fi
artefact=$1 dataset=$2 device=$3 mode=$4
shift 4
case $mode in
    rgb|flow) config=i3d_${mode}_$dataset ;;
    joint) config=two_stream_$dataset ;;
    *) echo "MODE is rgb, flow or joint; got '$mode'" >&2; exit 2 ;;
esac
name=$(basename "$dataset" .py)
if [[ $dataset == *.py ]]; then config=$dataset; fi
if [[ $device == cpu ]]; then
    where=(--device cpu)
elif [[ $device =~ ^[0-9]+$ ]]; then
    where=(--device ascend --device-id "$device")
else
    echo "DEVICE_ID is the number of an Ascend 310, or cpu; got '$device'" >&2
    exit 2
fi
if [ ! -f "$artefact" ]; then echo "ARTEFACT $artefact does not exist" >&2; exit 1; fi
here=$(dirname "$0")
out=${OUT:-infer_310/${name}_$mode}
description=${DESCRIPTION:-$artefact.json}
if [ ! -f "$description" ]; then
    echo "$description, which describes $artefact, does not exist; DESCRIPTION names it for a converted file" >&2
    exit 1
fi
input=$(python -c 'import json, sys; print(json.load(open(sys.argv[1], encoding="utf-8"))["inputs"][0]["dtype"])' \
    "$description")
echo "== preprocess"
python "$here/preprocess.py" "$config" "$out" --input "$input" "$@"
echo "== infer"
python "$here/infer.py" "$artefact" "$out" "${where[@]}" --backend "${BACKEND:-auto}" \
    ${PRECISION:+--precision "$PRECISION"} ${DESCRIPTION:+--description "$DESCRIPTION"}
echo "== postprocess"
python "$here/postprocess.py" "$out" --out "$out/results.pkl"
