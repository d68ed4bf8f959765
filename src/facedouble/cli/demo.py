"""``facedouble demo``."""

from __future__ import annotations

from facedouble.cli.options import with_settings
from facedouble.cli.progress import clock
from facedouble.cli.running import EventsOption, running
from facedouble.settings.demo import DemoSettings


@with_settings
def demo(settings: DemoSettings, events: EventsOption = None) -> None:
    """Go from clips of two people to a swapped clip in one command.

    Without --a and --b it downloads clips of two actors (RAVDESS, CC BY-NC-SA 4.0). Work of an earlier run
    is reused. It ends with a report on the quality of the swap.
    """
    from facedouble.demo import demo as operate
    from facedouble.evaluation.terminal import summary

    with running(events) as run:
        result = operate(settings, run=run)
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
