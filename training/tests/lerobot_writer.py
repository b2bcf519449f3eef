"""A small LeRobotDataset v3, as `saccade dataset export` writes it: enough of the format for the reader."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


@dataclass
class Demo:
    frames: dict[str, np.ndarray]  # camera → uint8 [T, H, W, 3]
    state: np.ndarray  # float32 [T, J]
    action: np.ndarray
    extra: dict[str, np.ndarray] = field(default_factory=dict)  # further features of shape [1]: key → [T]


def png(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def vectors(values: np.ndarray) -> pa.Array:
    return pa.array(list(values.astype(np.float32)), type=pa.list_(pa.float32()))


def write_lerobot(
    folder: Path,
    demos: list[Demo],
    joints: list[str],
    roles: dict[str, str] | None = None,
    seed: int = 100000,
    fps: int = 20,
    episodes_a_file: int = 1000,
    videos: bool = False,
    task: str = "push the square",
) -> Path:
    """roles: what meta/saccade.json says; without them there is none, as in anyone else's dataset."""
    cameras = list(demos[0].frames)
    episodes: list[dict[str, Any]] = []
    start = 0
    for first in range(0, len(demos), episodes_a_file):
        group, number = demos[first : first + episodes_a_file], first // episodes_a_file
        path = folder / DATA.format(chunk_index=0, file_index=number)
        path.parent.mkdir(parents=True, exist_ok=True)
        offset = 0
        writer = None
        for demo in group:
            n = len(demo.state)
            columns = {"observation.state": vectors(demo.state), "action": vectors(demo.action)}
            columns |= {key: pa.array(values) for key, values in demo.extra.items()}
            columns |= {
                "timestamp": pa.array((np.arange(n) / fps).astype(np.float32)),
                "frame_index": pa.array(np.arange(n)),
                "episode_index": pa.array(np.full(n, len(episodes))),
                "index": pa.array(np.arange(start, start + n)),
                "task_index": pa.array(np.zeros(n, np.int64)),
            }
            for name in cameras if not videos else []:
                encoded = [{"bytes": png(frame), "path": None} for frame in demo.frames[name]]
                kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
                columns[f"observation.images.{name}"] = pa.array(encoded, type=kind)
            table = pa.table(columns)
            writer = writer or pq.ParquetWriter(path, table.schema, store_schema=False)
            writer.write_table(table)
            entry: dict[str, Any] = {
                "episode_index": len(episodes),
                "tasks": [task],
                "length": n,
                "data/chunk_index": 0,
                "data/file_index": number,
                "dataset_from_index": start,
                "dataset_to_index": start + n,
            }
            for name in cameras if videos else []:
                at = f"videos/observation.images.{name}/"
                entry |= {f"{at}chunk_index": 0, f"{at}file_index": number}
                entry |= {f"{at}from_timestamp": offset / fps, f"{at}to_timestamp": (offset + n) / fps}
            episodes.append(entry)
            start, offset = start + n, offset + n
        if writer:
            writer.close()
        for name in cameras if videos else []:
            key = f"observation.images.{name}"
            write_video(
                folder / VIDEO.format(video_key=key, chunk_index=0, file_index=number),
                np.concatenate([demo.frames[name] for demo in group]),
                fps,
            )
    meta = folder / "meta"
    at = meta / "episodes" / "chunk-000" / "file-000.parquet"
    at.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(episodes), at)
    tasks = pa.table({"task_index": [0], "__index_level_0__": [task]})
    pq.write_table(tasks, meta / "tasks.parquet")
    features: dict[str, Any] = {
        key: {"dtype": "float32", "shape": [len(joints)], "names": joints}
        for key in ("observation.state", "action")
    }
    for name, frames in demos[0].frames.items():
        features[f"observation.images.{name}"] = {
            "dtype": "video" if videos else "image",
            "shape": list(frames.shape[1:]),
            "names": ["height", "width", "channels"],
        }
    info = {
        "codebase_version": "v3.0",
        "robot_type": "sim_arm",
        "total_episodes": len(episodes),
        "total_frames": start,
        "fps": fps,
        "data_path": DATA,
        "video_path": VIDEO if videos else None,
        "features": features,
    }
    (meta / "info.json").write_text(json.dumps(info))
    if roles is not None:
        saccade = {
            "format": "saccade-dataset-info",
            "version": 1,
            "generator": "saccade 0.0.0",
            "cameras": [{"name": name, "role": role} for name, role in roles.items()],
            "episodes": [{"seed": seed + i} for i in range(len(episodes))],
        }
        (meta / "saccade.json").write_text(json.dumps(saccade))
    return folder


def write_video(path: Path, frames: np.ndarray, fps: int) -> None:
    """H.264 without chroma subsampling, nearly lossless."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "1"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv444p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
