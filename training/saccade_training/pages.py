"""Where large tensors get their memory: a step makes and frees hundreds of MB, again and again.

By default glibc maps each large block anew and gives it back when it is freed, so that the kernel zeroes
it for every use, in pages of 4 KiB: on a CPU that took as long as the arithmetic. What is here must run
before PyTorch is imported.
"""

from __future__ import annotations

import ctypes
import os
import sys

# of glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_memory() -> None:
    """Freed memory is kept and used again, and PyTorch asks for huge pages. Without glibc nothing changes."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # read by PyTorch, once
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, -1)  # never
    mallopt(M_TOP_PAD, 256 << 20)
