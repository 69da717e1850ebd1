#!/usr/bin/env bash
# Makes HMDB51 ready to train on: from the downloaded archives to videos, splits, frames, flow and annotations.
#   bash tools/data/prepare_hmdb51.sh ROOT [--steps videos,splits,frames,flow,annotations] [--workers N] [--shard I/N]
# ROOT holds hmdb51_org.rar and test_train_splits.rar. The configs look in data/hmdb51.
# The RGB stream trains from the videos; without the original's frames and JSON, --steps videos,splits,flow do.
name=hmdb51 video_archive=hmdb51_org.rar split_archive=test_train_splits.rar
source "$(dirname "$0")/prepare.sh"
