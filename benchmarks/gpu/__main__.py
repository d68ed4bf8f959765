"""``python -m benchmarks.gpu``; see the package."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import torch

from benchmarks.gpu.context import Context
from benchmarks.gpu.runner import Record, run, say, supervise
from benchmarks.gpu.tasks import TASKS
from benchmarks.machine import this_machine, versions
from facedouble.device import choose_device


def main() -> int:
    """Do all tasks in a process that is watched; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--minutes", type=float, default=9.0, help="that there are in all")
    parser.add_argument("--out", type=Path, required=True, help="folder of results.json and the pictures")
    parser.add_argument("--work", type=Path, help="folder for facesets and models (default: OUT.work)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tiny", action="store_true", help="small models and few frames: a test of itself")
    parser.add_argument(
        "--only", nargs="*", metavar="TASK", help=f"done anew; of: {', '.join(t.name for t in TASKS)}"
    )
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)  # of the worker
    options = parser.parse_args()
    work = options.work or options.out.with_name(f"{options.out.name}.work")
    for folder in (options.out, work):
        folder.mkdir(parents=True, exist_ok=True)
    if options.until is None:
        wanted = Record(options.out, work)
        for name in options.only or ():
            wanted.tasks.pop(name, None)
        wanted.write()
        until = time.time() + 60 * options.minutes
        return supervise([*sys.argv[1:], "--until", str(until)], options.out, work, until)

    # Of the processes that it starts, too: what is compared to a processor's float32 is to be that.
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    device = choose_device(options.device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    record = Record(options.out, work)
    record.values |= {"machine": this_machine().as_json(), "versions": versions(), "device": str(device)}
    record.write()
    say(f"{record.values['machine']['gpu'] or 'no GPU'}, {record.values['versions']}")
    context = Context(device, options.out, work, time.monotonic() + options.until - time.time(), options.tiny)
    chosen = [task for task in TASKS if not options.only or task.name in options.only]
    return run(chosen, context, record)


if __name__ == "__main__":
    sys.exit(main())
