#!/usr/bin/env bash
# Makes UCF101 ready to train on: from the downloaded archives to videos, splits, frames, flow and annotations.
#   bash tools/data/prepare_ucf101.sh ROOT [--steps videos,splits,frames,flow,annotations] [--workers N] [--shard I/N]
# ROOT holds UCF101.rar and UCF101TrainTestSplits-RecognitionTask.zip. The configs look in data/ucf101.
# The RGB stream trains from the videos; without the original's frames and JSON, --steps videos,splits,flow do.
name=ucf101 video_archive=UCF101.rar split_archive=UCF101TrainTestSplits-RecognitionTask.zip
source "$(dirname "$0")/prepare.sh"
