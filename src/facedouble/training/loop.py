"""The training loop."""

from __future__ import annotations

import copy
import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor

from facedouble.config import TrainSettings
from facedouble.device import choose_device, choose_precision
from facedouble.errors import ModelError, SettingsError, TrainingError
from facedouble.events import Listener, Noted, Progressed, StageFinished, StageStarted, ignore
from facedouble.models import build, checkpoint, entry
from facedouble.models.base import SwapModel
from facedouble.models.checkpoint import ModelCard
from facedouble.models.recipe import Recipe
from facedouble.training.adversary import Adversary
from facedouble.training.load import SIDES, load
from facedouble.training.objective import Objective
from facedouble.training.preview import write_preview
from facedouble.training.warp import Pairs, make_pairs
from facedouble.types import Side

_HISTORY_ROWS = 1000
_CALIBRATION_FACES = 2000
_SMOOTHING = 0.98


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a training ended. ``faces_seen`` counts both sides, over all runs of this model."""

    model: Path
    iteration: int
    faces_seen: int
    seconds: float
    loss_a: float
    loss_b: float
    stopped: str


def train(
    facesets_a: Sequence[Path],
    facesets_b: Sequence[Path],
    model: Path,
    settings: TrainSettings | None = None,
    *,
    listener: Listener = ignore,
) -> TrainResult:
    """Train ``model`` on the faces of both sides, or train it on if it is there already.

    Ends at ``settings.minutes`` or ``settings.iterations``, counted over all runs of the model, or
    at Ctrl-C; the model is saved in each case. Raises ``TrainingError``, ``ModelError``,
    ``InputError``, ``SettingsError`` or ``OutputError``; what was saved before stays as it was.
    """
    settings = settings or TrainSettings()
    run = _Run(facesets_a, facesets_b, model, settings, listener)
    return run.go()


class _Run:
    """One run of training: the state that changes, and the loop over it."""

    def __init__(
        self,
        facesets_a: Sequence[Path],
        facesets_b: Sequence[Path],
        folder: Path,
        settings: TrainSettings,
        listener: Listener,
    ) -> None:
        self.folder, self.settings, self.listener = folder, settings, listener
        self.device = choose_device(settings.device)
        self.precision = choose_precision(settings.precision, self.device)
        known = entry(settings.trainer)
        self.recipe = _with_settings(known.recipe, settings)
        torch.manual_seed(settings.seed)
        self.random = torch.Generator().manual_seed(settings.seed)
        self.network: SwapModel = build(settings.trainer).to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        paths: dict[Side, Sequence[Path]] = {"a": facesets_a, "b": facesets_b}
        loaded = load(
            paths,
            resolution=self.network.resolution,
            coverage=self.recipe.coverage,
            device=self.device,
            listener=listener,
        )
        self.data, self.shown = loaded.training, loaded.shown
        self.network.prepare({side: data.mean_face for side, data in self.data.items()})
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=self.recipe.learning_rate, betas=self.recipe.betas, fused=True
        )
        self.objective = Objective(self.recipe, self.network, self.device, self.precision)
        self.adversary = (
            Adversary(self.recipe, self.network, self.device, self.precision)
            if self.recipe.adversarial
            else None
        )
        # The averaged weights are a second network, which is what is saved for use.
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.card = ModelCard(
            trainer=settings.trainer,
            arguments=dict(known.arguments),
            resolution=self.network.resolution,
            coverage=self.recipe.coverage,
            facesets={"a": [str(p) for p in facesets_a], "b": [str(p) for p in facesets_b]},
            colour={side: data.colour.tolist() for side, data in self.data.items()},
            settings=asdict(settings),
        )
        self.parted = self.recipe.shared_until <= 0
        self.smoothed: dict[Side, float] = {}
        if self.parted:
            self.network.part()
            self.averaged.part()
        if checkpoint.exists(folder):
            self._resume()

    # -- the loop --------------------------------------------------------------------------------

    def go(self) -> TrainResult:
        card, recipe = self.card, self.recipe
        self._announce()
        start = time.perf_counter() - card.seconds
        saved, saved_iteration = time.perf_counter(), card.iteration if card.saves else -1
        stopped = "finished"
        with _asked_to_stop() as asked:
            while (progress := self._progress(time.perf_counter() - start)) < 1:
                if asked.is_set():
                    stopped = "stopped by hand"
                    break
                if not self.parted and progress >= recipe.shared_until:
                    self._part()
                losses = self._step(progress)
                card.iteration += 1
                card.faces_seen += 2 * recipe.batch_size
                card.seconds = time.perf_counter() - start
                self._follow(losses)
                if time.perf_counter() - saved > self.settings.save_minutes * 60:
                    self._save()
                    saved, saved_iteration = time.perf_counter(), card.iteration
            if card.iteration != saved_iteration:
                self._save()
        seconds = card.seconds
        text = f"{card.iteration} iterations, {card.faces_seen} faces seen, {stopped}"
        self.listener(StageFinished("train", seconds, text))
        return TrainResult(
            model=self.folder,
            iteration=card.iteration,
            faces_seen=card.faces_seen,
            seconds=seconds,
            loss_a=self.smoothed.get("a", math.nan),
            loss_b=self.smoothed.get("b", math.nan),
            stopped=stopped,
        )

    def _step(self, progress: float) -> dict[Side, float]:
        """One iteration: a batch of each side restored by its own decoder. Returns the losses."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = _learning_rate(recipe, self.card.iteration, progress)
        sides: tuple[Side, ...] = SIDES if progress < recipe.finish_from else ("b",)
        count = 2 * recipe.batch_size // len(sides)
        self.network.hardness = _hardness(recipe, progress)
        pairs = {side: self._pairs(side, count) for side in sides}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16):
            with torch.set_grad_enabled(sides == SIDES):
                codes = {side: self.network.encode(pairs[side].inputs, side) for side in sides}
            outputs = {side: self.network.decode(codes[side], side) for side in sides}
        losses = self.objective(outputs, pairs)
        extra = self.adversary.judge(outputs, pairs, progress) if self.adversary else {}
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack([*losses.values(), *extra.values()]).sum().backward()
        self.optimizer.step()
        if self.adversary and self.adversary.active(progress):
            self.adversary.learn(outputs, pairs)
        self._average()
        values = {side: float(loss.detach()) for side, loss in losses.items()}
        if not all(map(math.isfinite, values.values())):
            raise TrainingError(
                f"the loss is no longer a number at iteration {self.card.iteration}; the last save is "
                "good: go on from it with a lower --learning-rate"
            )
        return values

    def _pairs(self, side: Side, count: int) -> Pairs:
        batch = self.data[side].draw(count, self.random)
        strength = self.network.hardness
        return make_pairs(batch, self.network.resolution, self.recipe.warp, strength, self.random)

    # -- its parts -------------------------------------------------------------------------------

    def _progress(self, seconds: float) -> float:
        """Share of the training that is done, 0..1, by whichever limit comes first."""
        shares = [0.0]
        if self.settings.minutes:
            shares.append(seconds / (self.settings.minutes * 60))
        if self.settings.iterations:
            shares.append(self.card.iteration / self.settings.iterations)
        return max(shares)

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of the weights (Polyak and Juditsky 1992), with a short
        memory at the beginning."""
        step = self.card.iteration + 1
        decay = min(self.recipe.average, step / (step + 10))
        live = [p.detach() for p in self.network.parameters()]
        torch._foreach_lerp_(list(self.averaged.parameters()), live, 1 - decay)

    def _part(self) -> None:
        """Let the decoders learn apart, with the optimizer's moments for their new weights."""
        self.parted = True
        self.averaged.part()
        for old, new in self.network.part():
            if old in self.optimizer.state:
                self.optimizer.state[new] = {k: v.clone() for k, v in self.optimizer.state[old].items()}

    def _follow(self, losses: dict[Side, float]) -> None:
        card = self.card
        for side, value in losses.items():
            old = self.smoothed.get(side, value)
            self.smoothed[side] = old * _SMOOTHING + value * (1 - _SMOOTHING)
        card.history.append([card.iteration, self.smoothed["a"], self.smoothed["b"]])
        if len(card.history) > 2 * _HISTORY_ROWS:
            # Every other row goes, so the file stays small and the curve keeps its whole length.
            card.history = card.history[::2]
        done = card.seconds / 60 if self.settings.minutes else card.iteration
        self.listener(
            Progressed(
                "train",
                done,
                {
                    "iteration": str(card.iteration),
                    "loss A": f"{self.smoothed['a']:.4f}",
                    "loss B": f"{self.smoothed['b']:.4f}",
                    "faces/s": f"{card.faces_seen / max(card.seconds, 1e-6):.0f}",
                },
            )
        )

    def _announce(self) -> None:
        kind = "bf16" if self.precision is torch.bfloat16 else "fp32"
        count = sum(p.numel() for p in self.network.parameters()) / 1e6
        self.listener(
            Noted(
                f"{self.settings.trainer}: {self.network.resolution} pixels, {count:.1f} M parameters, "
                f"{len(self.data['a'])} faces of A, {len(self.data['b'])} of B, on {self.device} in {kind}"
            )
        )
        if self.settings.minutes:
            self.listener(StageStarted("train", self.settings.minutes, "minutes"))
        else:
            self.listener(StageStarted("train", self.settings.iterations or None, "iterations"))

    # -- saving and resuming ---------------------------------------------------------------------

    def _save(self) -> None:
        progress = [self.card.seconds, self.card.faces_seen, float(self.parted)]
        state: dict[str, Tensor] = {
            "random": self.random.get_state(),
            "random_noise": torch.get_rng_state(),
            "progress": torch.tensor(progress, dtype=torch.float64),
        }
        for name, parameter in self.network.named_parameters():
            state[f"weight/{name}"] = parameter
            for key, value in self.optimizer.state.get(parameter, {}).items():
                state[f"{key}/{name}"] = value
        if self.adversary:
            state.update(self.adversary.tensors())
        for side, data in self.data.items():
            self.averaged.calibrate(data.reduced(_CALIBRATION_FACES), side)
        checkpoint.save(self.folder, self.card, self.averaged.state_dict(), state)
        if self.settings.preview:
            write_preview(self.folder / "preview.png", self.averaged, self.shown)

    def _resume(self) -> None:
        card, state = checkpoint.load_state(self.folder, listener=self.listener)
        if card.trainer != self.settings.trainer:
            raise ModelError(
                f"{self.folder} is a model of {card.trainer!r}, not {self.settings.trainer!r}; "
                f"go on with -t {card.trainer}, or choose another folder"
            )
        weights, card = checkpoint.load_weights(self.folder, card, listener=self.listener)
        try:
            seconds, seen, parted = state["progress"].tolist()
            if parted:
                self.network.part()
            self.averaged.load_state_dict(weights)
            for name, parameter in self.network.named_parameters():
                parameter.data.copy_(state[f"weight/{name}"])
                if f"exp_avg/{name}" in state:
                    self.optimizer.state[parameter] = {
                        "step": state[f"step/{name}"].clone(),
                        "exp_avg": state[f"exp_avg/{name}"].to(parameter),
                        "exp_avg_sq": state[f"exp_avg_sq/{name}"].to(parameter),
                    }
            for name, buffer in self.network.named_buffers():
                buffer.copy_(weights[name])
            if self.adversary:
                self.adversary.restore(state)
            self.random.set_state(state["random"])
            torch.set_rng_state(state["random_noise"])
        except (KeyError, RuntimeError) as error:
            raise ModelError(f"{self.folder}: this model was made with other arguments ({error})") from error
        card.seconds, card.faces_seen = seconds, int(seen)
        card.colour, card.facesets, card.settings = self.card.colour, self.card.facesets, self.card.settings
        self.card, self.parted = card, bool(parted)
        if card.history:
            self.smoothed = {"a": card.history[-1][1], "b": card.history[-1][2]}
        self.listener(Noted(f"{self.folder}: going on from iteration {card.iteration}"))


def _with_settings(recipe: Recipe, settings: TrainSettings) -> Recipe:
    if settings.minutes < 0 or settings.iterations < 0:
        raise SettingsError("minutes and iterations cannot be negative")
    return replace(
        recipe,
        batch_size=settings.batch_size or recipe.batch_size,
        learning_rate=settings.learning_rate or recipe.learning_rate,
    )


def _learning_rate(recipe: Recipe, iteration: int, progress: float) -> float:
    """Linear warm-up, then half a cosine down to nothing at the end (Loshchilov and Hutter 2017)."""
    rate = recipe.learning_rate
    if recipe.warm_up:
        rate *= min(1.0, (iteration + 1) / recipe.warm_up)
    if recipe.anneal:
        rate *= 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0))
    return rate


def _hardness(recipe: Recipe, progress: float) -> float:
    """1 until ``hard_until``, then in a straight line to ``hardness_at_end``."""
    if progress <= recipe.hard_until or recipe.hard_until >= 1:
        return 1.0
    past = (progress - recipe.hard_until) / (1 - recipe.hard_until)
    return 1 + (recipe.hardness_at_end - 1) * past


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets, so that a step is finished and saved; the second one
    interrupts as usual."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
