"""Several processes training one policy: torchrun --nproc-per-node N -m saccade_training.train …

Each process takes every Nth sequence of a step's batch and the gradients are averaged
(DistributedDataParallel), so that N processes take the steps one would. Process 0 alone validates, prints and
writes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    rank: int = 0
    count: int = 1

    @staticmethod
    def join() -> Processes:
        """Those that torchrun started, this one joined to them; else this one alone."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return Processes()
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return Processes(dist.get_rank(), dist.get_world_size())

    def leave(self) -> None:
        if self.count > 1:
            dist.destroy_process_group()

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def wrap(self, policy: nn.Module) -> nn.Module:
        return policy if self.count == 1 else DistributedDataParallel(policy)

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the processes."""
        if self.count == 1:
            return value
        total = value.clone()
        dist.all_reduce(total)
        return total / self.count

    def agreed(self, value: float, device: torch.device) -> float:
        """Process 0's."""
        if self.count == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=device)
        dist.broadcast(shared, 0)
        return float(shared)

    def wait(self) -> None:
        if self.count > 1:
            dist.barrier()
