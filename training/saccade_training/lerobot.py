"""What the meta/ folder of a LeRobotDataset v3 says: rate, joints, cameras and episodes (docs/dataset.md).

Any dataset of that format will do. `saccade dataset export` adds meta/saccade.json, which knows the cameras'
roles; for another dataset the training config names them (data.cameras).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .config import ROLES, CameraSpec, ConfigError, Role

STATE, ACTION, IMAGES = "observation.state", "action", "observation.images."
AGAIN = "export the dataset again"


@dataclass(frozen=True)
class Camera:
    spec: CameraSpec
    video: bool  # frames are in mp4 files, not in the parquet files

    @property
    def key(self) -> str:
        return IMAGES + self.spec.name


@dataclass(frozen=True)
class Clip:
    """Where an episode's frames of one camera are."""

    file: Path
    start_s: float


@dataclass(frozen=True)
class Episode:
    start: int  # its first row, counted over the whole dataset
    length: int
    file: Path
    clips: dict[str, Clip]  # by the camera's name; empty where the frames are in `file`


class LeRobotFolder:
    """Raises ConfigError, naming file and key, for what is missing, malformed or of another version."""

    def __init__(self, folder: Path, roles: Mapping[str, Role] | None = None) -> None:
        """roles: camera → role, of the cameras to use; without them meta/saccade.json is asked."""
        self.folder = folder
        self.info_file = folder / "meta" / "info.json"
        info = _read_json(self.info_file, "give --data the folder of a LeRobotDataset")
        self._check_version(info)
        try:
            self._read_info(info, roles)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ConfigError(f"{self.info_file} is malformed ({error!r}): {AGAIN}") from error
        self.episodes = self._read_episodes(info)
        self.tasks = self._read_tasks()

    def _check_version(self, info: Any) -> None:
        version = info.get("codebase_version") if isinstance(info, dict) else None
        if not isinstance(version, str):
            raise ConfigError(
                f"{self.info_file} has no codebase_version: give --data the folder of a LeRobotDataset"
            )
        if not version.startswith("v3."):
            raise ConfigError(
                f"{self.info_file} has codebase_version {version}, only v3 can be read: convert the dataset "
                "with lerobot's own converter"
            )

    def _read_info(self, info: dict[str, Any], roles: Mapping[str, Role] | None) -> None:
        features = info["features"]
        self.rate_hz = float(info["fps"])
        if not 0 < self.rate_hz < math.inf:
            raise ConfigError(f"{self.info_file} has fps {info['fps']}: give a rate above 0")
        self.robot: str | None = info.get("robot_type")
        self.joints = self._joints(features, STATE)
        if self._joints(features, ACTION) != self.joints:
            raise ConfigError(
                f"{self.info_file} names other joints for {ACTION} than for {STATE}: they must be the same"
            )
        self.generator: str | None = None
        self.seeds: list[int] = []
        if not roles:
            roles = self._read_saccade()
        self.cameras = [self._camera(features, name, role) for name, role in roles.items()]
        self.data_path, self.video_path = str(info["data_path"]), info.get("video_path")

    def _joints(self, features: dict[str, Any], key: str) -> list[str]:
        if key not in features:
            raise ConfigError(f"{self.info_file} has no feature {key}: the policy needs it")
        names, dtype, shape = (features[key].get(k) for k in ("names", "dtype", "shape"))
        if isinstance(names, dict) and len(names) == 1:  # LeRobot also writes {"motors": [...]}
            names = next(iter(names.values()))
        if dtype != "float32" or not isinstance(names, list) or shape != [len(names)]:
            raise ConfigError(
                f"{self.info_file}: {key} is {dtype} {shape} with the names {names}: it must be float32 with "
                "one name for each joint"
            )
        return [str(name) for name in names]

    def _camera(self, features: dict[str, Any], name: str, role: Role) -> Camera:
        feature = features.get(IMAGES + name)
        if feature is None:
            known = [key.removeprefix(IMAGES) for key in features if key.startswith(IMAGES)]
            raise ConfigError(
                f"{self.info_file} has no feature {IMAGES}{name}: its cameras are {', '.join(known)}"
            )
        dtype, shape = feature["dtype"], feature["shape"]
        if dtype not in ("image", "video") or len(shape) != 3 or shape[2] != 3:
            raise ConfigError(
                f"{self.info_file}: {IMAGES}{name} is {dtype} {shape}: it must be image or video of shape "
                "[height, width, 3]"
            )
        return Camera(CameraSpec(name, role, int(shape[1]), int(shape[0])), dtype == "video")

    def _read_saccade(self) -> dict[str, Role]:
        """The cameras' roles from meta/saccade.json."""
        path = self.folder / "meta" / "saccade.json"
        if not path.exists():
            raise ConfigError(
                f"{path} does not exist: it is no export of saccade's, so name its cameras' roles under "
                "data.cameras in the training config"
            )
        saccade = _read_json(path, AGAIN)
        if not isinstance(saccade, dict) or (saccade.get("format"), saccade.get("version")) != (
            "saccade-dataset-info",
            1,
        ):
            raise ConfigError(
                f"{path} has another format or version: expected saccade-dataset-info version 1"
            )
        try:
            self.generator = saccade.get("generator")
            self.seeds = [e["seed"] for e in saccade["episodes"] if e.get("seed") is not None]
            roles = {c["name"]: c["role"] for c in saccade["cameras"]}
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path} is malformed ({error!r}): {AGAIN}") from error
        for name, role in roles.items():
            if role not in ROLES:
                raise ConfigError(
                    f"{path} gives camera {name} the role {role!r}: choose one of {', '.join(ROLES)}"
                )
        return roles

    def _read_episodes(self, info: dict[str, Any]) -> list[Episode]:
        place = self.folder / "meta" / "episodes"
        files = sorted(place.glob("*/*.parquet"))
        if not files:
            raise ConfigError(f"{place} holds no parquet files: {AGAIN}")
        # of what a dataset says of itself, its episodes' statistics where it has them; not of the frames
        digest = hashlib.sha256(self.info_file.read_bytes())
        wanted = ["episode_index", "length", "dataset_from_index", "data/chunk_index", "data/file_index"]
        videos = [camera for camera in self.cameras if camera.video]
        for camera in videos:
            wanted += [f"videos/{camera.key}/{k}" for k in ("chunk_index", "file_index", "from_timestamp")]
        rows: list[dict[str, Any]] = []
        for path in files:
            digest.update(path.read_bytes())
            rows += _read_parquet(path, wanted).to_pylist()
        self.sha256 = digest.hexdigest()
        if len(rows) != info.get("total_episodes"):
            raise ConfigError(
                f"{place} lists {len(rows)} episodes, info.json says {info.get('total_episodes')}: {AGAIN}"
            )
        if not rows:
            raise ConfigError(f"{place} lists no episodes: record some first")
        return [
            self._episode(place, i, row, rows[i - 1] if i else None, videos) for i, row in enumerate(rows)
        ]

    def _episode(
        self,
        place: Path,
        i: int,
        row: dict[str, Any],
        before: dict[str, Any] | None,
        videos: list[Camera],
    ) -> Episode:
        start = before["dataset_from_index"] + before["length"] if before else 0
        if None in row.values() or row["length"] < 1:
            raise ConfigError(f"{place}: episode {i} has no length, or lacks a value: {AGAIN}")
        if (row["episode_index"], row["dataset_from_index"]) != (i, start):
            raise ConfigError(f"{place}: episode {i} does not begin where the one before ends: {AGAIN}")
        clips = {}
        for camera in videos:
            chunk, file, start_s = (
                row[f"videos/{camera.key}/{k}"] for k in ("chunk_index", "file_index", "from_timestamp")
            )
            if self.video_path is None:
                raise ConfigError(f"{self.info_file} has no video_path, but {camera.key} is video: {AGAIN}")
            if not math.isfinite(start_s):
                raise ConfigError(f"{place}: episode {i} has a from_timestamp of {start_s}: {AGAIN}")
            path = self._path("video_path", self.video_path, chunk, file, camera.key)
            clips[camera.spec.name] = Clip(path, start_s)
        data = self._path("data_path", self.data_path, row["data/chunk_index"], row["data/file_index"])
        return Episode(start, row["length"], data, clips)

    def _path(self, key: str, template: str, chunk: int, file: int, video_key: str = "") -> Path:
        try:
            return self.folder / template.format(chunk_index=chunk, file_index=file, video_key=video_key)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"{self.info_file}: {key} is {template!r}, which is no template of chunk_index and "
                f"file_index: {AGAIN}"
            ) from error

    def _read_tasks(self) -> list[str]:
        """The texts of the tasks: the index column of a pandas frame, whatever its name."""
        path = self.folder / "meta" / "tasks.parquet"
        table = _read_parquet(path)
        texts = [name for name in table.column_names if name != "task_index"]
        if len(texts) != 1:
            raise ConfigError(f"{path} must have a column of texts beside task_index: {AGAIN}")
        return [str(text) for text in table.column(texts[0]).to_pylist()]


def _read_json(path: Path, advice: str) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist: {advice}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as JSON ({error}): {advice}") from error


def _read_parquet(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            names = set(file.schema_arrow.names)
            missing = [name for name in columns or [] if name not in names]
            if missing:
                raise ConfigError(f"{path} has no column {missing[0]}: {AGAIN}")
            return file.read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> ConfigError:
    if isinstance(error, FileNotFoundError):
        return ConfigError(f"{path} does not exist: {AGAIN}")
    return ConfigError(f"{path} cannot be read ({' '.join(str(error).split())}): {AGAIN}")
