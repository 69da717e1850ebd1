"""What pixels come from: videos, cameras, folders of frames and shards."""
