"""LeRobot's own `select_action` under the stopwatch, for bench/fullSize.ts: run by a Python that has lerobot.

Observation → command, as LeRobot's control loop does it: frames and joints to tensors, preprocessor,
select_action with temporal ensembling (so that every call infers), postprocessor. Reads JSON lines:
{"compile": bool, "threads": n} first, then {"seed": s} for each call; answers each with one line.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np
import torch

warnings.simplefilter("ignore")


def pixels(seed: int, camera: int, shape: tuple[int, ...]) -> np.ndarray:
    """bench/fullSize.ts makes the same."""
    i = np.arange(np.prod(shape), dtype=np.uint32)
    return (
        ((i * np.uint32(2654435761) + np.uint32(seed * 7919 + camera * 104729)) >> np.uint32(24))
        .astype(np.uint8)
        .reshape(shape)
    )


def joints(seed: int, count: int) -> np.ndarray:
    return np.array([((seed * 31 + i * 17) % 64) / 64 - 0.5 for i in range(count)], dtype=np.float32)


def main(checkpoint: str) -> None:
    import lerobot
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.factory import make_pre_post_processors
    from lerobot.policies.utils import prepare_observation_for_inference

    replies, sys.stdout = sys.stdout, sys.stderr  # LeRobot prints

    def reply(**values: object) -> None:
        print(json.dumps(values), file=replies, flush=True)

    setup = json.loads(sys.stdin.readline())
    torch.set_num_threads(setup["threads"])
    policy = ACTPolicy.from_pretrained(checkpoint, strict=True)
    device = torch.device("cpu")
    before, after = make_pre_post_processors(policy.config, pretrained_path=checkpoint)
    if setup["compile"]:
        policy.model = torch.compile(policy.model)
    images = policy.config.image_features
    reply(lerobot=lerobot.__version__, torch=torch.__version__)
    for line in sys.stdin:
        seed = json.loads(line)["seed"]
        observation = {
            key: pixels(seed, i, (*feature.shape[1:], 3)) for i, (key, feature) in enumerate(images.items())
        }
        observation["observation.state"] = joints(seed, policy.config.robot_state_feature.shape[0])
        start = time.perf_counter()
        with torch.inference_mode():
            batch = before(prepare_observation_for_inference(observation, device))
            action = after(policy.select_action(batch))
        command = action.numpy()[0]
        reply(ms=(time.perf_counter() - start) * 1e3, command=command.tolist())


if __name__ == "__main__":
    main(sys.argv[1])
