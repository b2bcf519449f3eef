"""The rows of a LeRobotDataset, read and decoded into memory that is given: each pixel is held once."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from .config import ConfigError
from .lerobot import ACTION, AGAIN, STATE, Camera, Episode, unreadable
from .video import read_clips

BATCH = 128  # rows decoded at a time: what lies in memory twice, as PNG and as pixels
PIECE = 16  # rows a thread decodes at a time


def read_rows(
    cameras: Sequence[Camera],
    episodes: Sequence[Episode],
    rate_hz: float,
    frames: Sequence[np.ndarray],
    state: np.ndarray,
    action: np.ndarray,
    task: np.ndarray,
) -> None:
    """Fills frames (per camera uint8 [rows, H, W, 3]), state and action (float32 [rows, J]) and the tasks'
    indices (int64 [rows]) with the first rows of a dataset: those of its first episodes. Pillow and PyAV
    decode outside Python's lock, so threads do."""
    stills = [(c, f) for c, f in zip(cameras, frames, strict=True) if not c.video]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, of_file in groupby(episodes, lambda e: e.file):
            span = list(of_file)
            first, end = span[0].start, span[-1].start + span[-1].length
            for row, batch in _batches(path, first, end, [c.key for c, _ in stills]):
                rows = slice(row, row + batch.num_rows)
                state[rows] = _vectors(path, batch, STATE, state.shape[1])
                action[rows] = _vectors(path, batch, ACTION, action.shape[1])
                task[rows] = batch.column("task_index").to_numpy(zero_copy_only=False)
                _decode(pool, path, batch, [(c.key, f[rows]) for c, f in stills], row)
        _all(
            pool.map(
                lambda c: read_clips(c[0].spec.name, episodes, rate_hz, c[1]),
                [(c, f) for c, f in zip(cameras, frames, strict=True) if c.video],
            )
        )


def _batches(path: Path, first: int, end: int, images: list[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Rows [first, end) of the dataset, with which this file begins, in batches, each with its first row."""
    columns = ["index", "task_index", STATE, ACTION, *images]
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                raise ConfigError(f"{path} has no column {missing[0]}: {AGAIN}")
            row = first
            for batch in file.iter_batches(BATCH, columns=columns):
                batch = batch.slice(0, end - row)
                expected = np.arange(row, row + batch.num_rows)
                if not np.array_equal(batch.column("index").to_numpy(zero_copy_only=False), expected):
                    raise ConfigError(
                        f"{path}: index does not count on from {row} at row {row - first}: {AGAIN}"
                    )
                yield row, batch
                row += batch.num_rows
                if row == end:
                    return
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error
    raise ConfigError(f"{path} ends after {row - first} rows, its episodes have {end - first}: {AGAIN}")


def _vectors(path: Path, batch: pa.RecordBatch, key: str, width: int) -> np.ndarray:
    """A column of vectors, float32 [rows, width]; a vector of one may be stored as a number."""
    column = batch.column(key)
    scalar = pa.types.is_floating(column.type)
    widths = 1 if scalar else np.unique(pc.list_value_length(column).to_numpy(zero_copy_only=False))
    values = column if scalar else column.flatten()
    if not np.array_equal(np.atleast_1d(widths), [width]) or values.type != pa.float32():
        raise ConfigError(f"{path}: {key} is {column.type}, info.json says float32 [{width}]: {AGAIN}")
    found = values.to_numpy(zero_copy_only=False).reshape(-1, width)
    if not np.isfinite(found).all():
        raise ConfigError(f"{path}: {key} holds NaN or infinite values: {AGAIN}")
    return found


def _decode(
    pool: ThreadPoolExecutor,
    path: Path,
    batch: pa.RecordBatch,
    images: list[tuple[str, np.ndarray]],
    row: int,
) -> None:
    """Decodes a batch's images into its rows of the frames."""

    def piece(job: tuple[str, pa.Array, np.ndarray, int]) -> None:
        key, encoded, into, start = job
        for i in range(start, min(start + PIECE, len(into))):
            try:
                _decode_image(encoded[i], into[i])
            except Exception as error:  # a damaged image can raise nearly anything
                raise ConfigError(
                    f"{path}: {key} of row {row + i} cannot be read ({error}): {AGAIN}"
                ) from error

    jobs = []
    for key, into in images:
        column = batch.column(key)
        if not pa.types.is_struct(column.type) or column.type.get_field_index("bytes") < 0:
            raise ConfigError(f"{path}: {key} is {column.type}, not images with their bytes: {AGAIN}")
        encoded = pc.struct_field(column, "bytes")
        jobs += [(key, encoded, into, start) for start in range(0, len(into), PIECE)]
    _all(pool.map(piece, jobs))


def _decode_image(encoded: pa.BinaryScalar, into: np.ndarray) -> None:
    if not encoded.is_valid:
        raise ValueError("it has no bytes")
    with Image.open(io.BytesIO(encoded.as_buffer()), formats=("PNG", "JPEG")) as image:
        height, width, _ = into.shape
        if (image.size, image.mode) != ((width, height), "RGB"):  # before its pixels are unpacked
            raise ValueError(f"it is {image.mode} {image.width}×{image.height}, not RGB {width}×{height}")
        into[...] = np.asarray(image)


def _all(results: Iterable[None]) -> None:
    """Waits, and raises what a thread raised."""
    for _ in results:
        pass
