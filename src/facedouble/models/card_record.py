"""What ``model.json`` may hold. Models are exchanged, so everything in it is checked before it is used."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AllowInfNan, Field, StringConstraints, model_validator

from facedouble.settings.base import Settings, problem

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=1 << 53)]
Seconds = Annotated[float, Field(ge=0)]
Number = Annotated[float, AllowInfNan(True)]  # a loss that is not known yet is no number
PathText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=4096)]
Paths = list[PathText]
Statistics = Annotated[
    list[Annotated[list[float], Field(min_length=3, max_length=3)]], Field(min_length=2, max_length=2)
]


class ProgressRecord(Settings):
    """How far training was."""

    seconds: Seconds = 0.0
    faces_seen: Count = 0
    decoders_split: bool = False
    learning_rate_scale: float = Field(default=1.0, gt=0, le=1)
    batch_scale: int = Field(default=0, ge=0, le=1 << 16)
    best: float | None = None
    best_at: Count = 0


class SaveRecord(Settings):
    """One save. Its files lie in the model's folder."""

    iteration: Count
    weights: Annotated[str, StringConstraints(pattern=r"^weights-\d{8,}\.safetensors$")]
    weights_sha256: Sha256
    state: Annotated[str, StringConstraints(pattern=r"^state-\d{8,}\.safetensors$")]
    state_sha256: Sha256
    progress: ProgressRecord = ProgressRecord()


class GeometryRecord(Settings):
    """What the decoder is told of a face besides its picture (``models/geometry_record.py``)."""

    landmarks: Annotated[str, StringConstraints(max_length=100)]
    version: Count
    components: Annotated[list[Annotated[str, StringConstraints(max_length=100)]], Field(max_length=10_000)]


class CardRecord(ProgressRecord):
    """All of ``model.json``. What ``architecture``, ``extraction`` and ``settings`` hold is checked by the
    classes that they are read back into."""

    architecture: dict[str, Any]
    resolution: int = Field(ge=16, le=4096)
    coverage: float = Field(gt=0, le=1)
    facesets: dict[Literal["a", "b"], Paths]
    extraction: dict[Literal["a", "b"], Annotated[list[dict[str, Any]], Field(max_length=10_000)]] = Field(
        default_factory=dict
    )
    colour: dict[Literal["a", "b"], Statistics]
    settings: dict[str, Any] = Field(default_factory=dict)
    geometry: GeometryRecord | None = None
    iteration: Count = 0
    history: list[Annotated[list[Number], Field(min_length=3, max_length=3)]] = Field(default_factory=list)
    measures: list[dict[str, Number]] = Field(default_factory=list)
    saves: list[SaveRecord] = Field(default_factory=list, max_length=100)
    program: str = ""
    format: int = 0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name, sides in (("facesets", self.facesets), ("colour", self.colour)):
            if len(sides) != 2:
                raise problem(name, "must be given for both sides")
        if not all("iteration" in row for row in self.measures):
            raise problem("measures", "must each have an iteration")
        return self
