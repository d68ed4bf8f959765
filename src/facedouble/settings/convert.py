"""How the new face is put into the frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Strict, model_validator

from facedouble.conversion.registry import (
    BLENDS,
    COLOUR_SPACES,
    COLOUR_TRANSFERS,
    MASKS,
    OUTPUT_MODES,
    SHARPENERS,
)
from facedouble.errors import SettingsError, setting
from facedouble.settings.base import (
    Choice,
    File,
    Integers,
    OneOf,
    Settings,
    SourceFile,
    Texts,
    field,
    problem,
)
from facedouble.settings.compute import ConvertCompute
from facedouble.settings.people import TrackChoice
from facedouble.settings.reading import Reading
from facedouble.settings.video import ClipEncoding, ImageEncoding
from facedouble.video.registry import CLIP_FORMATS

Encoding = Annotated[ClipEncoding | ImageEncoding, OneOf()]
_SPACE = "rgb"
_CONTRAST = 0.5


class Mask(Settings):
    """What of the frame's face is replaced, and its edge."""

    kind: Annotated[str, Choice(MASKS)] = "extended"
    erosion: float = field(
        0.0, "shrink the mask by so many pixels of the frame; negative grows it", short="-e", unit="pixels"
    )
    blur_size: float = field(
        0.08, "width of the mask's soft edge, as a share of the square that the model draws", min=0, max=0.5
    )


class Colour(Settings):
    """Which colours of the frame's face the new face takes on."""

    kind: Annotated[str, Choice(COLOUR_TRANSFERS)] = "mkl"
    space: Annotated[str, Choice(COLOUR_SPACES)] = field(
        _SPACE, "space in which colours are matched", option="colour-space"
    )
    match_histogram: bool = field(
        False, "match each channel's histogram to that of the frame's face afterwards"
    )
    contrast: float = field(
        _CONTRAST,
        "how much contrast the new face takes on: 0 keeps the person's own, 1 takes that of the frame's face",
        option="colour-contrast",
        min=0,
        max=1,
    )

    @model_validator(mode="after")
    def _used(self) -> Self:
        if self.kind == "none" and not self.match_histogram:
            for name, usual in (("space", _SPACE), ("contrast", _CONTRAST)):
                if getattr(self, name) != usual:
                    raise problem(name, "has no effect where no colours are matched")
        return self


class Masked(Settings):
    """The face, cut out by a mask."""

    kind: Literal["masked"] = "masked"
    mask: Mask = field(Mask(), "what of the face is replaced", option="mask-type", short="-M")
    colour: Colour = field(Colour(), "what of the colours of the frame's face the new face takes on")


class Adjust(Settings):
    """The whole crop."""

    kind: Literal["adjust"] = "adjust"
    smooth_mask: bool = field(True, "fade the crop's edge")
    average_colour: bool = field(True, "give the crop the mean colour of the frame's face")
    colour_space: Annotated[str, Choice(COLOUR_SPACES)] = field(_SPACE, "space in which colours are matched")

    @model_validator(mode="after")
    def _used(self) -> Self:
        if not self.average_colour and self.colour_space != _SPACE:
            raise problem("colour_space", "has no effect where no colours are matched")
        return self


class RealDetail(Settings):
    """Fine detail comes from real pictures of the person, which the model's folder holds."""

    kind: Literal["real"] = "real"


class Sharpened(Settings):
    """Fine detail comes from sharpening what the model draws."""

    kind: Literal["sharpen"] = "sharpen"
    sharpener: Annotated[str, Choice(SHARPENERS)] = field("unsharp", "how the new face is sharpened")
    amount: float = field(1.4, "how much fine detail sharpening adds", option="sharpen-amount", min=0, max=5)


class NoDetail(Settings):
    """The face as soft as the model draws it."""

    kind: Literal["none"] = "none"


class FoundOcclusion(Settings):
    """What the faceset's masks hide; where a face has none, what a network finds."""

    kind: Literal["auto"] = "auto"
    network: File | None = field(
        None,
        "weights that `occlusion train` wrote; those that come with the program if not given",
        option="occlusion-network",
    )
    hands: bool = field(True, "look for hands first", option="occlusion-hands")


class LearnedOcclusion(Settings):
    """Whatever the model's own mask leaves out."""

    kind: Literal["learned"] = "learned"


class NoOcclusion(Settings):
    """Nothing is in front of the face."""

    kind: Literal["none"] = "none"


Occlusion = FoundOcclusion | LearnedOcclusion | NoOcclusion


def _occlusion_named(values: Any) -> Any:
    """Plain values in which a text stands for the occlusion: its kind, or the path of weights."""
    if not isinstance(values, Mapping):
        return values
    found = values.get("occlusion")
    if isinstance(found, str | Path):
        found = {"kind": str(found)}
    if not isinstance(found, Mapping) or not str(found.get("kind", "")).endswith(".safetensors"):
        return values if found is values.get("occlusion") else {**values, "occlusion": found}
    return {**values, "occlusion": {"network": found["kind"], **found, "kind": "auto"}}


class ClipAdaptation(Settings):
    """How the model is adapted to the clip, where it is told what faces do; its folder stays as it is."""

    statistics: bool = field(True, "take the statistics of the codes anew from the faces of the clip")
    iterations: int = field(
        0,
        "iterations for which encoder and the decoder of the person seen learn the faces of the clip; some "
        "hundreds",
        option="adapt",
        unit="iterations",
        min=0,
    )


class Blend(Settings):
    """How the face is laid over the frame."""

    kind: Annotated[str, Choice(BLENDS)] = "alpha"


class Render(Settings):
    """What a written frame shows."""

    mode: Annotated[str, Choice(OUTPUT_MODES)] = field(
        "composite", "what a written frame shows", option="output-mode"
    )
    label: str = field("", "text drawn into a corner of every frame, such as 'AI generated'")

    @model_validator(mode="after")
    def _label(self) -> Self:
        if self.label and self.mode in ("rgba", "mask"):
            raise problem("label", f"would become part of what {setting('render.mode', self.mode)} shows")
        if not self.label.isprintable():
            raise problem("label", "the text must be a single line")
        return self


class FrameChoice(Settings):
    """Which frames are converted."""

    ranges: Texts = field(
        (),
        "frames to convert, by number from 0 (of a sequence by the numbers of its files), the last one "
        "included: 10-50 90-100, or 10-50,90-; others are copied as they are",
        option="frame-ranges",
    )
    cut: File | None = field(
        None,
        "cut of which one event is converted, an EDL (.edl) or OpenTimelineIO's (.otio); the source's other "
        "frames are left out",
        option="cut",
    )
    event: int | None = field(
        None, "event of the cut, by its number in an EDL, else counted from 1", option="event", min=0
    )
    handles: int = field(
        0, "frames more at both ends of the event", option="handles", unit="frames", min=0, max=100_000
    )
    discard: bool = field(
        False, "leave out the other frames, and the sound that belongs to them", option="discard-frames"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.cut is None:
            if self.event is not None or self.handles:
                name = "handles" if self.event is None else "event"
                raise problem(name, f"has no effect without {setting('frames.cut')}")
            if not self.ranges:
                raise problem("ranges", f"is missing, unless {setting('frames.cut')} is given")
        elif self.ranges:
            raise problem("ranges", f"cannot be given beside {setting('frames.cut')}")
        return self

    @property
    def leaves_out(self) -> bool:
        """Whether the other frames are left out of the result."""
        return self.discard or self.cut is not None


class Signer(Settings):
    """Your own certificate."""

    certificate: File = field(help="your own certificates (PEM, yours first), with the private key")
    key: File = field(help="the private key of the certificate (PEM)")


class Marked(Settings):
    """The result is marked as synthetic by signed content credentials (C2PA)."""

    kind: Literal["c2pa"] = "c2pa"
    consent: File | None = field(None, "release signed by the performer; its hash goes into the credentials")
    signer: Signer | None = field(None, "who signs; a certificate made on first use if not given")


class Unmarked(Settings):
    """The result is not marked."""

    kind: Literal["none"] = "none"


class Override(Settings):
    """Other settings for some frames, for some tracks, or for some tracks in some frames."""

    ranges: Texts = field((), "frames that it is for, as in `frames.ranges`; all if not given")
    track: Integers = field((), "tracks of the faceset that it is for; all if not given")
    converter: Annotated[Masked | Adjust | None, OneOf("masked")] = field(None, "what is laid over the frame")
    detail: Annotated[RealDetail | Sharpened | NoDetail | None, OneOf("real")] = field(
        None, "where the fine detail of the new face comes from"
    )
    retargeting: float | None = field(
        None,
        "how far lids, irises, brows and lips are bent to where the performer has them",
        min=0,
        max=1,
    )
    blend: Blend | None = field(None, "how the face is laid over the frame")
    occlusion: Annotated[Occlusion | None, OneOf("none")] = field(
        None, "what is in front of the face, and stays as it is"
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        return _occlusion_named(values)

    @model_validator(mode="after")
    def _scope(self) -> Self:
        if not self.ranges and not self.track:
            raise problem("ranges", "names no frames and no tracks; what holds for all belongs outside")
        if not self.changes:
            raise problem("ranges", "changes nothing for these frames and tracks")
        return self

    @property
    def changes(self) -> dict[str, Any]:
        """The settings that it has in place of the conversion's."""
        own = {
            name: getattr(self, name) for name in type(self).model_fields if name not in ("ranges", "track")
        }
        return {name: value for name, value in own.items() if value is not None}


class ConvertSettings(Settings):
    """How the new face is put into the frames."""

    swap_model: bool = field(False, "put A's face on B instead")
    converter: Annotated[Masked | Adjust, OneOf("masked")] = field(
        Masked(), "what is laid over the frame", short="-c"
    )
    detail: Annotated[RealDetail | Sharpened | NoDetail, OneOf("real")] = field(
        RealDetail(), "where the fine detail of the new face comes from"
    )
    retargeting: float = field(
        1.0,
        "how far lids, irises, brows and lips are bent to where the performer has them, 0 for not at all",
        min=0,
        max=1,
    )
    adaptation: ClipAdaptation = field(ClipAdaptation(), "how the model is adapted to the clip")
    blend: Blend = field(
        Blend(), "how the face is laid over the frame", flags={"--seamless": "seamless", "-S": "seamless"}
    )
    matte: File | None = field(
        None, "clip or folder with as many frames as the source, white where the face may be painted"
    )
    occlusion: Annotated[Occlusion, OneOf("none")] = field(
        NoOcclusion(), "what is in front of the face, such as hands, and stays as it is; or weights (PATH)"
    )
    render: Render = field(Render(), "what a written frame shows")
    reading: Reading = field(Reading(), "how clips and images are read")
    encoding: Encoding | None = field(None, "how the result is written; by its name if not given", option="-")
    frames: FrameChoice | None = field(None, "frames to convert; all if not given")
    faces: TrackChoice = field(TrackChoice(), "faces to replace")
    overrides: Annotated[tuple[Override, ...], Strict(False)] = field(
        (), "other settings for ranges of frames and for single tracks; of several that fit a face, the last"
    )
    keep_going: bool = field(
        False,
        "copy a frame that cannot be converted as it is, list such frames at the end, and exit with 3",
    )
    checkpoint_frames: int = field(
        250, "frames after which finished work survives a killed run", unit="frames", min=1
    )
    compute: ConvertCompute = field(ConvertCompute(), "where and how the numbers are worked out")
    overwrite: bool = field(False, "replace an output that exists")
    marking: Annotated[Marked | Unmarked, OneOf("c2pa")] = field(
        Marked(),
        "mark the result as synthetic by signed content credentials (C2PA)",
        flags={"--credentials": "c2pa", "--no-credentials": "none"},
        option="-",
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        return _occlusion_named(values)

    @model_validator(mode="after")
    def _occlusion(self) -> Self:
        how = self.converter
        if isinstance(how, Masked) and how.mask.kind == self.occlusion.kind == "learned":
            mask = setting("converter.mask.kind", "learned")
            raise problem("occlusion", f"{mask} leaves out what is in front of the face already")
        return self

    @model_validator(mode="after")
    def _overrides(self) -> Self:
        for number, override in enumerate(self.overrides):
            try:
                self.overridden(override)
            except SettingsError as error:
                raise problem(f"overrides.{number}.{error.field}", error.problem, error.value) from None
        return self

    def overridden(self, override: Override) -> Self:
        """The settings of the faces that ``override`` is for. Raises ``SettingsError``."""
        own = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**{**own, **override.changes, "overrides": ()})

    def encoding_of(self, output: Path) -> ClipEncoding | ImageEncoding:
        """How ``output`` is written: a clip if its suffix is one of a clip, else a folder of images. Raises
        ``SettingsError`` where ``encoding`` is for the other one."""
        clip = output.suffix.lower() in CLIP_FORMATS
        if self.encoding is None:
            return ClipEncoding() if clip else ImageEncoding()
        if isinstance(self.encoding, ClipEncoding) != clip:
            kinds = ("images", "a clip") if clip else ("clips", "a folder of images")
            raise SettingsError("encoding", problem=f"is for {kinds[0]}, but {output} names {kinds[1]}")
        return self.encoding


class ConvertCommand(ConvertSettings):
    """Put the trained person's face into a clip, and keep everything else of it."""

    source: SourceFile = field(
        help="clip, folder of images, or a sequence such as plate.####.exr", option="input", short="-i"
    )
    model: File = field(help="folder of the trained model", short="-m")
    output: File = field(help="clip to write, or folder for images", short="-o")
    faceset: File | None = field(
        None, "faceset of this very source; faces are found anew if not given", short="-a"
    )

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, values: Any) -> Any:
        """The output's name says whether a clip or images are written."""
        if not isinstance(values, Mapping) or not isinstance(values.get("output"), str | Path):
            return values
        encoding = values.get("encoding")
        if not isinstance(encoding, Mapping) or "kind" in encoding:
            return values
        suffix = Path(values["output"]).suffix.lower()
        clip = suffix in CLIP_FORMATS
        if suffix and not clip:  # the name of neither, which the conversion refuses
            return values
        known, other = (ClipEncoding, ImageEncoding) if clip else (ImageEncoding, ClipEncoding)
        for name in encoding:
            if name in other.model_fields and name not in known.model_fields:
                kinds = ("a folder of images", "a clip") if clip else ("clips", "a folder of images")
                text = f"is for {kinds[0]}, and {setting('output')} names {kinds[1]}"
                raise problem(f"encoding.{name}", text)
        return {**values, "encoding": {"kind": "clip" if clip else "images", **encoding}}
