"""All tasks, the most important first, with the seconds they may take.

In nine minutes on a card: three for whether it is right and how fast it learns, two to three for the picture,
the rest for clips and saves. What has no time left is said; the same command with the same folders does it.
"""

from __future__ import annotations

from benchmarks.gpu import correctness, picture, speed
from benchmarks.gpu.runner import Task

_FOR_THE_PICTURE = 250.0  # seconds of which ``double`` learns for some two minutes

TASKS = (
    Task("ceilings", speed.ceilings, least=2, most=20),
    Task("models against the processor", correctness.models, least=3, most=90),
    Task("faces", picture.faces, least=3, most=120),
    Task("recorded step", correctness.recorded, least=3, most=40),
    Task("speed of quick", speed.quick, least=3, most=60, spare=_FOR_THE_PICTURE),
    Task("speed of double", speed.double, least=3, most=60, spare=_FOR_THE_PICTURE),
    Task("quick, trained", picture.quick, least=3, most=110, spare=_FOR_THE_PICTURE),
    Task("double, trained", picture.double, least=3, most=1200, spare=0.5 * picture.FOR_THE_REST),
    Task("evaluation", picture.evaluation, least=5, most=60),
    Task("conversion against the processor", correctness.conversion, least=3, most=40),
    Task("conversion", picture.conversion, least=3, most=50),
    Task("saves", correctness.saves, least=5, most=60),
    Task("two processes on one device", correctness.together, least=10, most=60),
    Task("filled memory", speed.filled, least=8, most=40),
    Task("profiles", speed.profiles, least=2, most=20),
    Task("finding faces", picture.finding, least=2, most=20),
    Task("speed of the others", speed.others, least=10, most=120),
    Task("double at 384, trained", picture.double_384, least=100, most=1200),
)
