"""``facedouble demo``."""

from __future__ import annotations

from facedouble.cli.options import with_settings
from facedouble.cli.progress import clock, progress
from facedouble.config import DemoSettings


@with_settings
def demo(settings: DemoSettings) -> None:
    """From two people's clips to a swapped clip, in one go.

    Without --a and --b it fetches clips of two actors (RAVDESS, CC BY-NC-SA 4.0). What an earlier
    run has done is used again.
    """
    from facedouble.demo import demo as run

    with progress() as listener:
        result = run(settings, listener=listener)
    for step, seconds in result.seconds.items():
        print(f"{step + ':':14}{clock(seconds):>7}")
    measures = result.measures
    print(
        f"\nIn {measures.nearer_to_b:.1%} of {measures.frames} frames the face is nearer to B than to A; "
        f"mean distance to B {measures.distance_to_b:.2f}, to A {measures.distance_to_a:.2f}."
    )
    print(
        f"Fine detail {measures.detail:.2f} of the real; mouth follows at {measures.mouth:.2f}, "
        f"eyes at {measures.eyes:.2f}.\n"
    )
    print(f"swap:          {result.swap}")
    print(f"side by side:  {result.side_by_side}")
    print(f"contact sheet: {result.contact_sheet}")
    print(f"model:         {result.model}")
