import threading
import time
from collections.abc import Iterator

import pytest

from facedouble.conversion.concurrency import StageTimer, map_ordered, prefetch


def alive() -> set[threading.Thread]:
    return set(threading.enumerate())


def chain(items: Iterator[int]) -> Iterator[int]:
    def slow_at_first(n: int) -> int:
        time.sleep(0.02 if n % 4 == 0 else 0)
        return n * 10

    return map_ordered(slow_at_first, prefetch(items, 3), threads=4, limit=6)


def test_order_is_kept_however_long_an_item_takes() -> None:
    assert list(chain(iter(range(40)))) == [n * 10 for n in range(40)]


def test_no_more_items_are_in_flight_than_allowed() -> None:
    got = 0

    def count() -> Iterator[int]:
        nonlocal got
        for n in range(100):
            got = n + 1
            yield n

    results = chain(count())
    highest = 0
    for done, _ in enumerate(results, 1):
        time.sleep(0.002)
        highest = max(highest, got - done)
    # six in the pool, three waiting, one in the hand of each thread that passes items on
    assert highest <= 6 + 3 + 2


@pytest.mark.parametrize("where", ["source", "work"])
def test_an_error_surfaces_at_its_item_and_stops_everything(where: str) -> None:
    before = alive()
    asked: list[int] = []

    def items() -> Iterator[int]:
        for n in range(1000):
            asked.append(n)
            if where == "source" and n == 7:
                raise RuntimeError("seven")
            yield n

    def work(n: int) -> int:
        if where == "work" and n == 7:
            raise RuntimeError("seven")
        return n

    results = map_ordered(work, prefetch(items(), 2), threads=3, limit=4)
    seen = []
    with pytest.raises(RuntimeError, match="seven"):
        for n in results:
            seen.append(n)
    assert seen == list(range(7)[: len(seen)])
    assert len(seen) >= 3
    assert where == "source" or seen == list(range(7))
    assert len(asked) < 30
    assert alive() <= before


def test_leaving_early_stops_the_threads_and_closes_the_source() -> None:
    before = alive()
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10_000)
        finally:
            closed.set()

    results = prefetch(map_ordered(lambda n: n, prefetch(items(), 2), threads=2, limit=4), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert closed.is_set()
    assert alive() <= before


def test_ctrl_c_in_the_last_stage_stops_the_threads() -> None:
    before = alive()
    results = chain(iter(range(1000)))
    with pytest.raises(KeyboardInterrupt):
        try:
            for n in results:
                if n == 50:
                    raise KeyboardInterrupt
        finally:
            results.close()  # type: ignore[attr-defined]
    assert alive() <= before


def test_time_is_summed_over_the_threads_of_a_stage() -> None:
    timer = StageTimer()

    def work(n: int) -> int:
        with timer.measure("work", 2):
            time.sleep(0.01)
        return n

    source = timer.measure_each("source", iter(range(20)))
    assert list(map_ordered(work, source, threads=2, limit=4)) == list(range(20))
    assert timer.busy["work"] >= 20 * 0.0099, "none of the twenty is lost"
    assert timer.threads == {"work": 2, "source": 1}


def test_utilisation_shows_the_busy_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("facedouble.conversion.concurrency.time.perf_counter", lambda: now)
    timer = StageTimer()

    def items() -> Iterator[int]:
        nonlocal now
        for n in range(20):
            now += 0.001
            yield n

    for _ in timer.measure_each("source", items()):
        with timer.measure("work", 2):
            now += 0.01
    assert timer.utilisation(0.125) == pytest.approx({"source": 0.16, "work": 0.8})
