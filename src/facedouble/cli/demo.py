"""``facedouble demo``."""

from __future__ import annotations

from facedouble.cli.options import with_settings
from facedouble.cli.progress import clock, progress
from facedouble.config import DemoSettings


@with_settings
def demo(settings: DemoSettings) -> None:
    """From two people's clips to a swapped clip, in one go.

    Without --a and --b it fetches clips of two actors (RAVDESS, CC BY-NC-SA 4.0). What an earlier
    run has done is used again. It ends with a report of how good the swap is.
    """
    from facedouble.demo import demo as run
    from facedouble.evaluation.text import summary

    with progress() as listener:
        result = run(settings, listener=listener)
    for step, seconds in result.seconds.items():
        print(f"{step + ':':14}{clock(seconds):>7}")
    print()
    for line in summary(result.evaluation.results[0]):
        print(line)
    print()
    print(f"swap:          {result.swap}")
    print(f"side by side:  {result.side_by_side}")
    print(f"contact sheet: {result.contact_sheet}")
    print(f"model:         {result.model}")
    print(f"report:        {result.report} (open it in a browser)")
