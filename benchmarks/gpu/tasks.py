"""All tasks, the most important first, with the seconds they may take.

In nine minutes on a card: two and a half for whether it is right, three for how fast, the rest for the
picture. What has no time left is said; run it again with the same folder.
"""

from __future__ import annotations

from benchmarks.gpu import correctness, picture, speed
from benchmarks.gpu.runner import Task

TASKS = (
    Task("ceilings", speed.ceilings, least=2, most=20),
    Task("models against the processor", correctness.models, least=3, most=90),
    Task("faces", picture.faces, least=3, most=120),
    Task("recorded step", correctness.recorded, least=3, most=40),
    Task("speed of quick", speed.quick, least=3, most=60, spare=150),
    Task("speed of double", speed.double, least=3, most=60, spare=120),
    Task("quick, trained", picture.quick, least=3, most=150, spare=100),
    Task("conversion against the processor", correctness.conversion, least=3, most=40, spare=90),
    Task("profiles", speed.profiles, least=2, most=20, spare=90),
    Task("saves", correctness.saves, least=5, most=60, spare=90),
    Task("finding faces", picture.finding, least=2, most=20, spare=90),
    Task("conversion", picture.conversion, least=3, most=50, spare=90),
    Task("double, trained", picture.double, least=3, most=1200),
    Task("speed of the others", speed.others, least=10, most=120),
    Task("double at 384, trained", picture.double_384, least=3, most=1200),
)
