"""Frames from a LeRobotDataset's mp4 files, which hold many episodes each; needs PyAV (the extra `video`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from .config import ConfigError
from .lerobot import AGAIN, Episode


def read_clips(camera: str, episodes: Sequence[Episode], rate_hz: float, into: np.ndarray) -> None:
    """Fills `into`, uint8 [rows, H, W, 3], with this camera's frames of the dataset's first episodes. A file
    is decoded once, from its beginning; each frame goes to the row that its time says."""
    for path, of_file in groupby(episodes, lambda e: e.clips[camera].file):
        rows = {
            round(episode.clips[camera].start_s * rate_hz) + k: episode.start + k
            for episode in of_file
            for k in range(episode.length)
        }
        _read(path, rows, rate_hz, into)


def _read(path: Path, rows: dict[int, int], rate_hz: float, into: np.ndarray) -> None:
    """rows: number of the frame in the file → row; every one of them must be found."""
    try:
        import av
    except ImportError as error:
        raise ConfigError(
            f"{path} is video, which needs PyAV: pip install 'saccade-training[video]', or export images"
        ) from error
    _, height, width, _ = into.shape
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                row = rows.pop(round(float(frame.time or 0) * rate_hz), None)
                if row is not None:
                    if (frame.width, frame.height) != (width, height):
                        size = f"{frame.width}×{frame.height}"
                        raise ConfigError(f"{path} is {size}, info.json says {width}×{height}: {AGAIN}")
                    into[row] = frame.to_ndarray(format="rgb24")
                if not rows:
                    return
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): {AGAIN}") from error
    raise ConfigError(
        f"{path} lacks {len(rows)} of its frames, the first at row {min(rows.values())}: {AGAIN}"
    )
