"""How what is in front of faces is found and learned."""

from __future__ import annotations

from facedouble.settings.base import File, Files, Settings, field


class OcclusionUse(Settings):
    """The network that finds what hides faces."""

    network: File | None = field(
        None, "weights that `occlusion train` wrote; those that come with the program if not given"
    )
    hands: bool = field(True, "look for hands first")


class OcclusionTraining(OcclusionUse):
    """How the network learns the people of a project."""

    iterations: int = field(200, "iterations", min=1, unit="iterations")
    batch_size: int = field(16, "faces in an iteration", short="-b", min=2, unit="faces")
    learning_rate: float = field(1e-3, "highest step of the optimizer", above=0, max=0.1)
    device: str = field("auto", "auto, cpu, cuda, cuda:N, mps or xpu")
    overwrite: bool = field(False, "replace a file that exists")


class OcclusionTrainCommand(OcclusionTraining):
    """Teach the occlusion network the people of a project."""

    facesets: Files = field(help="folders that extract made", argument=True, option="FACESET")
    output: File = field(help="file of weights to write (.safetensors)", short="-o")


class OcclusionApplyCommand(OcclusionUse):
    """Write masks of what is visible into a faceset."""

    faceset: File = field(help="folder that extract made", argument=True, option="FACESET")
    device: str = field("auto", "auto, cpu, cuda, cuda:N, mps or xpu")


class OcclusionReviewCommand(Settings):
    """Show the masks of a faceset that fit their neighbours least."""

    faceset: File = field(help="folder that extract made", argument=True, option="FACESET")
    output: File | None = field(None, "picture of them to write", short="-o")
    count: int = field(40, "faces at most", short="-n", min=1, max=1000, unit="faces")
