"""Pre-trains the two-stream encoders: python -m saccade_training.pretrain METHOD --config FILE --data DIR
--out DIR

METHOD is dino, video or inverse. The encoders are those of policy.mp in the config; `encoders.pt` in the
output folder is what policy.mp.encoders then names, here too: inverse dynamics on encoders that dino made,
say.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from .config import Config, ConfigError, load_config
from .dataset import Demonstrations
from .dino import TwoStreamDino
from .encoders import load_encoders, save_encoders
from .inverse_dynamics import InverseDynamics
from .objective import Objective
from .run import Run
from .two_stream import TwoStreamEncoder
from .video_prediction import VideoPrediction

METHODS = ("dino", "video", "inverse")


def build(method: str, config: Config, data: Demonstrations) -> tuple[TwoStreamEncoder, Objective]:
    """The encoders, and what trains them. Raises ConfigError where the config does not suit the method."""
    mp, pre = config.policy.mp, config.pretrain
    if not mp.enabled or mp.aggregation != "pixelwise":
        raise ConfigError(
            "policy.mp must be enabled with the aggregation pixelwise: its fusion is what is trained"
        )
    if method == "dino":
        for key in ("global_px", "local_px"):
            if getattr(pre, key) % mp.patch:
                raise ConfigError(
                    f"pretrain.{key} is {getattr(pre, key)}: give a multiple of policy.mp.patch, {mp.patch}"
                )
    camera = data.cameras[0]
    encoder = TwoStreamEncoder(camera.height, camera.width, mp)
    if mp.encoders is not None:
        load_encoders(encoder, mp)
    if method == "dino":
        return encoder, TwoStreamDino(encoder, mp.dim, pre)
    if method == "video":
        return encoder, VideoPrediction(encoder, mp.dim, pre)
    return encoder, InverseDynamics(encoder, mp.dim, pre, data)


def pretrain(method: str, config: Config, data: Demonstrations, run: Run, say: Callable[[str], None]) -> None:
    """Trains, logging the loss, and leaves encoders.pt in the run's folder."""
    pre = config.pretrain
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(pre.seed)
    encoder, model = build(method, config, data)
    model.to(device).train()
    optimiser = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=pre.lr, weight_decay=pre.weight_decay
    )
    generator = torch.Generator().manual_seed(pre.seed)
    before, total = time.monotonic(), 0.0
    run.rewind_metrics(0)
    for step in range(1, pre.steps + 1):
        loss = model.loss(data, generator, device)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        model.after_step()
        total += loss.item()
        if step % pre.log_every == 0 or step == pre.steps:
            mean, total = total / ((step - 1) % pre.log_every + 1), 0.0
            run.log({"step": step, "loss": mean, "seconds": round(time.monotonic() - before, 1)})
            say(f"step {step}  loss {mean:.4f}  {step / (time.monotonic() - before):.1f} steps/s")
    save_encoders(encoder, config.policy.mp, run.folder / "encoders.pt")
    facts = {"method": method, "config": dataclasses.asdict(pre), "dataset_sha256": data.source.sha256}
    (run.folder / "pretraining.json").write_text(json.dumps(facts, indent=2))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Pre-train the two-stream encoders of a policy.")
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of a LeRobotDataset v3")
    parser.add_argument("--out", type=Path, required=True, help="folder for encoders.pt")
    parser.add_argument("--episodes", type=int, help="use only the first N episodes")
    args = parser.parse_args(argv)
    if args.episodes is not None and args.episodes < 1:
        parser.error(f"--episodes is {args.episodes}: give at least 1")
    try:
        config = load_config(args.config)
        data = Demonstrations(args.data, args.episodes, config.data.cameras)
        build(args.method, config, data)  # a refusal leaves no folder behind
        pretrain(args.method, config, data, Run.open(args.out), lambda line: print(line, flush=True))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{args.out / 'encoders.pt'}: name it in policy.mp.encoders")
    return 0


if __name__ == "__main__":
    sys.exit(main())
