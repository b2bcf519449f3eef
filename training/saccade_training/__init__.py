"""Saccade's visuomotor policies: architectures, training and ONNX export."""

from .pages import keep_memory

__version__ = "0.1.0"

keep_memory()
