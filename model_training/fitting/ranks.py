"""Data-parallel processes, started by `torchrun`: who one is, and sums over all.

Gradients are summed here rather than by `DistributedDataParallel`: a loss may then use any part of
a module, and parts of a batch may weigh differently.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

# As long as the main process may prepare data, measure signs or validate while the others wait;
# torch's ten minutes on GPUs are not enough. One that dies is noticed by `torchrun` at once.
_PATIENCE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among all.

    Attributes:
        rank: Its number, from 0; number 0 writes what is written.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> "Ranks":
        """As `started_ranks` has set it up; a single one otherwise."""
        if distributed.is_available() and distributed.is_initialized():
            return cls(distributed.get_rank(), distributed.get_world_size())
        return cls()

    @property
    def is_main(self) -> bool:
        """Whether this one writes logs, checkpoints and weights."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all are here."""
        if self.size > 1:
            distributed.barrier()

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """The main process first, then the others: what it has kept is there for them."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()

    def told(self, what: Any) -> Any:
        """What the main process has, for all; what the others give is not looked at."""
        if self.size == 1:
            return what
        held = [what]
        distributed.broadcast_object_list(held, src=0)
        return held[0]

    def gathered(self, own: Any) -> list[Any]:
        """What each process has, in their order, for all."""
        if self.size == 1:
            return [own]
        held = [None] * self.size
        distributed.all_gather_object(held, own)
        return held

    def scored(self, rows: NDArray[np.intp], score: Callable[[NDArray[np.intp]], Tensor]) -> Tensor:
        """What `score` gives of rows along its first axis; each process scores a part of them."""
        own = np.array_split(rows, self.size)[self.rank]
        parts = self.gathered(score(own) if own.size else None)
        return torch.cat([part for part in parts if part is not None])

    @torch.no_grad()
    def synchronise(self, module: nn.Module) -> None:
        """Give all processes the main one's weights, buffers and generator of torch."""
        if self.size > 1:
            states = list(module.state_dict().values())
            generator = torch.get_rng_state().to(states[0].device)
            for state in (*states, generator):
                distributed.broadcast(state, src=0)
            torch.set_rng_state(generator.cpu())

    @torch.no_grad()
    def sum_gradients(self, module: nn.Module, loss: Tensor) -> Tensor:
        """Sum the gradients and the loss over all processes.

        BatchNorm sees its own process's part of a batch; its running statistics are averaged.

        Args:
            module: Its gradients and running statistics are replaced.
            loss: A scalar, this process's share.

        Returns:
            The sum of the losses.
        """
        if self.size == 1:
            return loss
        parameters = [p for p in module.parameters() if p.requires_grad]
        buffers = list(_running_statistics(module))
        # A parameter that no process used keeps no gradient: the optimiser leaves it alone.
        used = torch.tensor([float(p.grad is not None) for p in parameters], device=loss.device)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        values = [*gradients, *(buffer / self.size for buffer in buffers), loss, used]
        flat = torch.cat([value.flatten().float() for value in values])
        distributed.all_reduce(flat)
        summed = list(flat.split([value.numel() for value in values]))
        used = summed.pop()
        total: Tensor = summed.pop().squeeze(0)
        for parameter, gradient, count in zip(parameters, summed, used.tolist(), strict=False):
            parameter.grad = gradient.view_as(parameter).to(parameter.dtype) if count else None
        for buffer, mean in zip(buffers, summed[len(parameters) :], strict=True):
            buffer.copy_(mean.view_as(buffer))
        return total


@contextmanager
def started_ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that `torchrun` started; alone if it did not start this one.

    Args:
        device: Where this process computes: gloo on a CPU, NCCL on a GPU.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    yield Ranks.current()
    # Not after an error: leaving would wait for the others, who wait for this one. It dies of the
    # error instead, and torchrun then ends them all.
    distributed.destroy_process_group()


def _running_statistics(module: nn.Module) -> Iterator[Tensor]:
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            yield from (b for b in part.buffers(recurse=False) if b.is_floating_point())


def resolve_device(name: str) -> torch.device:
    """The device of this process.

    Args:
        name: As torch names it; `auto`: this process's GPU if there are any, else the CPU.
    """
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")
