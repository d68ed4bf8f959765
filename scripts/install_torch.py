"""Install PyTorch in the build that suits this machine, into the environment that runs this script.

On Linux the ordinary build brings several GB of CUDA libraries. It is taken where there is an NVIDIA
GPU to use them, and on macOS, where it is small. Elsewhere a CPU build is looked for first.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

OLDEST = (2, 11)
WANTED = "torch>=2.11"
CPU_BUILD = "torch==2.13.0+cpu"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main() -> int:
    """Install what is missing; the exit code."""
    version = installed()
    if version and recent_enough(version):
        return 0
    if sys.platform == "darwin" or has_nvidia_gpu():
        say("Installing PyTorch, the ordinary build")
        done = pip(WANTED)
    else:
        say("Installing PyTorch, a build for the processor alone (no NVIDIA GPU was found)")
        done = (
            pip(CPU_BUILD, quiet=True)
            or pip("--index-url", CPU_INDEX, WANTED, quiet=True)
            or ordinary_as_last_resort()
        )
    version = installed()
    if done and version and recent_enough(version):
        say(f"PyTorch {version} is installed")
        return 0
    say(f"error: PyTorch could not be installed; install it by hand ({WANTED}), then go on")
    return 1


def ordinary_as_last_resort() -> bool:
    """The ordinary build, with a word on its size."""
    say("No build for the processor alone can be had from here. Installing the ordinary one instead:")
    say("on Linux it brings CUDA libraries of several GB, which will not be used.")
    return pip(WANTED)


def installed() -> str | None:
    """Version of the PyTorch that this environment can import."""
    # Asked of a new process: this one would remember that there was none before.
    code = "import torch; print(torch.__version__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else None


def recent_enough(version: str) -> bool:
    """Whether a version such as ``2.13.0+cpu`` is one that serves."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= OLDEST


def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver is there and lists a GPU."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    run = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    return run.returncode == 0 and "GPU" in run.stdout


def pip(*arguments: str, quiet: bool = False) -> bool:
    """Run ``pip install``; whether it succeeded. ``quiet`` leaves out why it did not."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    if quiet:
        command += ["--retries", "2"]
    stderr = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, stderr=stderr, check=False).returncode == 0


def say(text: str) -> None:
    """Print at once, so that the order with pip's own lines is kept."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
