"""Pictures of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def loss_curve(metrics: list[dict[str, Any]], path: Path) -> None:
    """Training and validation L1 (normalised units) over steps. Written whole, then moved into place."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    train = [m for m in metrics if "l1" in m]
    held_out = [m for m in metrics if "validation_l1" in m]
    axes.plot([m["step"] for m in train], [m["l1"] for m in train], label="training L1", linewidth=0.8)
    axes.plot(
        [m["step"] for m in held_out], [m["validation_l1"] for m in held_out], label="validation L1 (EMA)"
    )
    axes.set(xlabel="step", ylabel="L1, normalised", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    temporary = path.with_name(f".{path.name}")
    figure.savefig(temporary, format="png", dpi=120)
    plt.close(figure)
    temporary.replace(path)
