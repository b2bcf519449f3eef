"""The safetensors format: a length, a JSON header, then the tensors' bytes, little-endian.

Its specification fits a screen (huggingface/safetensors, README "Format"), and so does this.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from .config import ConfigError

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
MAX_HEADER = 100_000_000  # the format's own bound


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Raises ConfigError, naming the file, when it cannot be read or is not of this format."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): give a complete checkpoint") from error
    try:
        (length,) = struct.unpack_from("<Q", data)
        if length > min(MAX_HEADER, len(data) - 8):
            raise ValueError("its header is cut off")
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        body = memoryview(data)[8 + length :]
        return {name: _tensor(body, **entry) for name, entry in header.items()}
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is not a complete safetensors file ({error}): copy it again") from error


def _tensor(body: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> Tensor:
    start, end = data_offsets
    if not 0 <= start <= end <= len(body):
        raise ValueError("its data are cut off")
    kind = DTYPES[dtype]
    if start == end:
        return torch.empty(shape, dtype=kind)
    return torch.frombuffer(bytearray(body[start:end]), dtype=kind).reshape(shape)


def write_safetensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    blobs: list[bytes] = []
    offset = 0
    for name, tensor in tensors.items():
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        blob = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        header[name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors start aligned
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(blobs)
