"""Adam (Kingma and Ba 2015): created, saved and restored; and gradients added up by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from facedouble.device import has_fused_adam, records_graphs

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class DenseAdam(torch.optim.Adam):
    """Fused Adam for a processor: the same numbers as PyTorch's own, in a third of the time.

    PyTorch's copies every gradient that does not lie in memory as its shape says (weights for convolutions
    do not), and then does not use the copy. Here it sees each tensor as one row of numbers, in the order in
    which they lie.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            updated = [parameter for parameter in group["params"] if parameter.grad is not None]
            for parameter in updated:
                if not self.state[parameter]:
                    self.state[parameter] = {
                        "step": torch.zeros(()),
                        "exp_avg": torch.zeros_like(parameter),
                        "exp_avg_sq": torch.zeros_like(parameter),
                    }
            states = [self.state[parameter] for parameter in updated]
            adam(
                [_row(parameter, parameter) for parameter in updated],
                [_row(parameter.grad, parameter) for parameter in updated],
                [_row(state["exp_avg"], like) for state, like in zip(states, updated, strict=True)],
                [_row(state["exp_avg_sq"], like) for state, like in zip(states, updated, strict=True)],
                [],
                [state["step"] for state in states],
                fused=True,
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )


def _row(tensor: Tensor, like: Tensor) -> Tensor:
    """``tensor``, which lies in memory like ``like`` and without gaps, as one row of numbers."""
    if tensor.stride() != like.stride():  # a gradient that was set by hand
        tensor = torch.empty_like(like).copy_(tensor)
    return tensor.as_strided((tensor.numel(),), (1,))


def make_adam(
    module: nn.Module, rate: float, betas: tuple[float, float], device: torch.device
) -> torch.optim.Adam:
    """An optimizer for all parameters of ``module``, fused where the device has that. Where a step is
    recorded its rate is a tensor and its steps are counted on the device, so that it can be replayed."""
    if device.type == "cpu":
        return DenseAdam(module.parameters(), lr=rate, betas=betas)
    recorded = records_graphs(device)
    return torch.optim.Adam(
        module.parameters(),
        lr=torch.tensor(rate, device=device) if recorded else rate,
        betas=betas,
        fused=has_fused_adam(device),
        capturable=recorded,
    )


def add_gradients(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    """Add ``gradients`` to those that the parameters have; ``None`` is none."""
    there, more = [], []
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            continue
        if parameter.grad is not None:
            there.append(parameter.grad)
            more.append(gradient)
        elif gradient.stride() == parameter.stride():
            parameter.grad = gradient
        else:  # the fused optimizer takes both to lie alike in memory
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
    if there:
        torch._foreach_add_(there, more)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate, where it is a tensor without replacing that."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def places_in_memory(optimizer: torch.optim.Optimizer) -> tuple[int, ...]:
    """Where the optimizer's state lies: what a recorded step depends on."""
    return tuple(
        value.data_ptr()
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, Tensor)
    )


def moments(optimizer: torch.optim.Optimizer, module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """The optimizer's state (step, both moments) of each parameter of ``module``, by name."""
    return {
        f"{prefix}{key}/{name}": value
        for name, parameter in module.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_moments(
    optimizer: torch.optim.Optimizer, module: nn.Module, tensors: Mapping[str, Tensor], prefix: str = ""
) -> None:
    """Restore what :func:`moments` returned; other names are ignored. Raises ``KeyError`` or ``ValueError``
    if tensors are missing, have other shapes or types, or hold what no optimizer has."""
    optimizer.state.clear()
    fused = optimizer.defaults["fused"]
    for name, parameter in module.named_parameters():
        if f"{prefix}step/{name}" not in tensors:
            continue  # it has not been updated yet
        step, mean, square = (tensors[f"{prefix}{key}/{name}"] for key in _MOMENTS)
        if (
            step.shape != ()
            or any(part.shape != parameter.shape for part in (mean, square))
            or any(part.dtype != torch.float32 for part in (step, mean, square))
            or step < 0
            or (square < 0).any()
        ):
            raise ValueError(f"the optimizer's state of {name} is not one")
        optimizer.state[parameter] = {
            # The fused optimizer keeps its step count on the device.
            "step": torch.empty((), device=parameter.device if fused else "cpu").copy_(step),
            "exp_avg": torch.empty_like(parameter, requires_grad=False).copy_(mean),
            "exp_avg_sq": torch.empty_like(parameter, requires_grad=False).copy_(square),
        }
