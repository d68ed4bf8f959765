"""Settings: one documented dataclass per command.

They are the only schema. The command line is built from them (``cli/options.py``), the Python API
takes them, and a saved model or faceset records them. Every field carries its help text, and where
it has one its short option. Settings are passed in, never read from globals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def option(help: str, default: Any = None, *, short: str = "", flag: str = "", **limits: float) -> Any:
    """A dataclass field with its help text, short option and limits (``min``, ``max``). ``flag`` is the
    option's name where it is not the field's (``from`` is a word of Python's own)."""
    metadata = {"help": help, "short": short, "flag": flag, **limits}
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractSettings:
    """How faces are found and cut out."""

    detector: str = option(
        "how faces are found: hog, cnn (slow), all (cnn where hog finds none) or yunet (fetched once)",
        "hog",
        short="-D",
    )
    size: int = option("side of the square crops, in pixels", 256, min=64, max=1024)
    filter: tuple[Path, ...] = option("picture of the person wanted; repeat it", (), short="-f")
    nfilter: tuple[Path, ...] = option("picture of a person not wanted; repeat it", (), short="-n")
    ref_threshold: float = option(
        "distance of descriptors up to which a face is the person of a picture", 0.6, short="-l", min=0
    )
    rotate_images: str = option(
        "where no face is found turn the frame: by this step in degrees (90), or by each of a list (90,180)",
        "",
        short="-r",
    )
    align_eyes: bool = option("turn each crop until the eyes are level", False)
    blur_threshold: float = option("put faces less sharp than this into blurry/, 0 for none", 0.0, min=0)
    min_face_size: int = option("leave out faces narrower than this, in pixels", 40, min=1)
    max_faces: int = option("largest faces kept in each frame, 0 for all", 0, min=0)
    every: int = option("look at every so many-th frame only", 1, min=1)
    fps: float = option("look at no more than so many frames of each second, 0 for all", 0.0, min=0)
    steady: float = option("how much landmarks are smoothed in time, 0 for not at all", 1.0, min=0, max=100)
    debug_landmarks: bool = option("draw the landmarks of each face into pictures in landmarks/", False)
    processes: int = option("processes that look for faces, 0 for one a core", 0, short="-j", min=0)
    skip_existing: bool = option("go on with a run that stopped: keep what is done", False, short="-s")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSettings:
    """How clips are written.

    ``codec`` is FFmpeg's name of an encoder: libx264 (the default: plays everywhere), libx265, libsvtav1,
    libvpx-vp9 (.webm), prores_ks (.mov, for editors; holds alpha), ffv1 (.mkv, loses nothing; holds alpha).
    ``crf`` 15 is a quality at which a second look finds no difference; 18 is a third smaller, 0 loses
    nothing. ``preset`` trades time for size only.
    """

    codec: str = option("video encoder: libx264, libx265, prores_ks, ffv1, ...", "libx264")
    crf: int = option("quality, 0 (lossless) to 51; lower is better and larger", 15, min=0, max=51)
    preset: str = option("encoder's speed: ultrafast to veryslow", "medium")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How a model is trained. It stops at whichever limit comes first; without one, when told to."""

    trainer: str = option(
        "model: double, quick (a small double), original, lowmem, iae, gan, gan128, highres or highres256",
        "quick",
        short="-t",
    )
    arguments: tuple[str, ...] = option(
        "an argument of the model's own, as filters=64; repeat it", (), flag="set"
    )
    recipe: tuple[str, ...] = option(
        "how it is trained otherwise than the model's recipe says (docs/training.md), as dssim=0.5 or "
        "warp.occlusion=0.2; repeat it",
        (),
    )
    batch_size: int = option("faces of each side in a step, 0 for the model's own", 0, short="-b", min=0)
    minutes: float = option("stop after this many minutes, 0 for no limit", 0.0, min=0)
    iterations: int = option("stop at this iteration, 0 for no limit", 0, min=0)
    target_loss: float = option(
        "stop when the smoothed losses of both sides are under this, 0 for no limit", 0.0, min=0
    )
    patience: int = option(
        "stop when faces held out have got no better for so many iterations, 0 for no limit", 0, min=0
    )
    learning_rate: float = option("peak learning rate, 0 for the model's own", 0.0, min=0)
    warp: str = option(
        "how inputs are bent: grid, landmark, tps, elastic or none; the model's own if not given", ""
    )
    balance_poses: bool = option("draw faces so that each pose there is comes equally often", False)
    perceptual_loss: str = option(
        "compare through a network as well: none, dlib, vgg or a file of VGG-19's weights; the model's "
        "own if not given",
        "",
    )
    freeze_encoder: bool = option("let the encoder rest, and only the decoders learn", False)
    from_model: Path | None = option("start from the weights of another pair's model", None, flag="from")
    device: str = option("auto, cpu, cuda, cuda:N or mps", "auto")
    gpus: int = option("GPUs to train on together (processes, where there is no GPU)", 1, short="-g", min=1)
    precision: str = option("auto, fp32 or bf16", "auto")
    compile: bool = option("compile the network with torch.compile, on a GPU: slow to start", False)
    seed: int = option("seed of every random choice", 0)
    save_interval: int = option("iterations between saves, 0 for no such interval", 100, short="-s", min=0)
    save_minutes: float = option("minutes between saves at the most, 0 for no such limit", 3.0, min=0)
    write_image: bool = option(
        "draw preview.png, losses.png and the time-lapse at every save", True, short="-w"
    )
    preview: bool = option("show the preview in a window, drawn anew every half minute", False, short="-p")
    measure: bool = option("measure the model on faces held out now and then", True)
    dry_run: bool = option("only say what memory and time it would take; nothing is written", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertSettings:
    """How the new face is put into the frames."""

    swap_model: bool = option("put A's face on B instead", False)
    converter: str = option("masked: lay the face in by a mask; adjust: the whole crop", "masked", short="-c")
    mask_type: str = option(
        "what of the face is replaced: rect (a rectangle around brows, eyes, nose and mouth), facehull (the "
        "landmarks' hull), facehullandrect (where both are), extended (the hull and the forehead) or learned "
        "(the model's own)",
        "extended",
        short="-M",
    )
    erosion: float = option(
        "shrink the mask by so many pixels of the frame; negative grows it", 0.0, short="-e"
    )
    blur_size: float = option(
        "width of the mask's soft edge, as a share of the square the model draws", 0.08, min=0, max=0.5
    )
    colour: str = option(
        "what of the colours of the frame's face the new face takes on: none, reinhard (mean and deviation), "
        "linear or mkl (how the channels go together, too) or histogram",
        "reinhard",
    )
    colour_space: str = option("the space in which colours are matched: rgb or lab", "rgb")
    match_histogram: bool = option("bring each channel to the tones of the frame's face afterwards", False)
    sharpen: str = option("sharpening of the new face: unsharp, gsharpen, bsharpen or none", "unsharp")
    sharpen_amount: float = option("how much of the fine detail is added by --sharpen", 1.4, min=0, max=5)
    blend: str = option("how the face is laid over the frame: alpha, multiband or seamless", "alpha")
    seamless: bool = option("the same as --blend seamless (Poisson)", False, short="-S")
    smooth_mask: bool = option("for -c adjust: let the crop's edge fade", True)
    avg_color_adjust: bool = option("for -c adjust: give the crop the mean colour of the frame's face", True)
    matte: Path | None = option(
        "clip or folder, as many frames as the source, white where the face may be painted", None
    )
    occlusion: str = option(
        "leave out what is before the face, such as hands: none, or learned (what the model's own mask "
        "leaves out, see docs/conversion.md)",
        "none",
    )
    output_mode: str = option(
        "composite (the frame with the new face), face (it alone), mask, side-by-side or rgba (the face with "
        "its alpha, for compositors)",
        "composite",
    )
    frame_ranges: tuple[str, ...] = option(
        "frames to convert, by number from 0, the last one included: 10-50 90-100, or 10-50,90-; others are "
        "copied as they are",
        (),
    )
    discard_frames: bool = option("leave out the other frames, and the sound that belongs to them", False)
    filter: tuple[Path, ...] = option(
        "picture of the person whose face is replaced; repeat it", (), short="-f"
    )
    nfilter: tuple[Path, ...] = option(
        "picture of a person whose face is left as it is; repeat it", (), short="-n"
    )
    ref_threshold: float = option(
        "distance of descriptors up to which a face is the person of a picture", 0.6, short="-l", min=0
    )
    track: tuple[int, ...] = option("replace only the faces of this track of the faceset; repeat it", ())
    image_format: str = option(
        "images of a folder: png, tiff (both lose nothing), jpg or exr (half floats of linear light)", "png"
    )
    label: str = option("text drawn into a corner of every frame, such as 'AI generated'", "")
    keep_going: bool = option(
        "copy a frame that cannot be converted as it is, say which they were at the end, and exit with 3",
        False,
    )
    batch_size: int = option("faces a network call takes", 16, short="-b", min=1)
    threads: int = option("threads that cut and that compose frames, 0 for one a core", 0, short="-j", min=0)
    part: int = option("frames after which what is done outlives a run that is killed", 250, min=1)
    device: str = option("auto, cpu, cuda, cuda:N or mps", "auto")
    precision: str = option("auto, fp32 or bf16", "auto")
    overwrite: bool = option("replace an output that exists", False)
    credentials: bool = option("mark the result as synthetic by signed content credentials (C2PA)", True)
    consent: Path | None = option("release signed by the performer; its hash goes into the credentials", None)
    certificate: Path | None = option("your own certificates (PEM, yours first), with --key", None)
    key: Path | None = option("the private key of --certificate (PEM)", None)
    video: VideoSettings = field(default_factory=VideoSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """How results are measured."""

    closely: int = option(
        "frames of which identity and the picture outside the face are looked at, spread evenly; 0 for all",
        60,
        min=0,
    )
    pictures: int = option("frames that the report shows at most, spread evenly", 120, min=1, max=1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """How the demonstration runs. Without ``a`` and ``b`` it takes two actors' clips it fetches."""

    output: Path = option("folder for everything it makes", Path("demo"), short="-o")
    minutes: float = option("how long to train, in minutes", 10.0, min=0.1)
    a: tuple[Path, ...] = option("clip of A, whose face is replaced; repeat it; the last is converted", ())
    b: tuple[Path, ...] = option("clip of B, whose face is put there; repeat it", ())
    device: str = option("auto, cpu, cuda, cuda:N or mps", "auto")
    unseen: bool = option(
        "keep the clip that is converted from training, to see how far a model carries", False
    )
    quick: bool = option("one clip of each and seconds of training, to see that everything works", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FacesSettings:
    """What is done with the faces of a faceset. With none of these, they are only counted."""

    sort: str = option(
        "rename the crops in faces/ in order of: frame, identity, track, sharpness, yaw, pitch, mouth, "
        "colour, size or review",
        "",
    )
    remove: tuple[str, ...] = option(
        "move to dropped/: person:1, track:3, a crop (000123_0) or a run of a track (000123_0..000130_0); "
        "repeat it",
        (),
    )
    restore: tuple[str, ...] = option("move back to faces/, named as for --remove; repeat it", ())
    review: bool = option("list what looks wrong, worst first, and show it in review.jpg", False)
    contact_sheet: Path | None = option("draw faces into one .jpg or .png, in their order now", None)
    most: int | None = option("faces that --review (20) or --contact-sheet (100) shows at most", None, min=1)
    coverage: Path | None = option("draw which poses and expressions there are and which lack (.png)", None)
    against: Path | None = option("for --coverage: the faceset to be like, of the other person", None)
    rebuild: bool = option("make a lost or damaged faceset.sqlite again from the crops", False)
    source: Path | None = option("for --rebuild: where the clip or folder of images is now", None)
