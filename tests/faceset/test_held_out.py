import pytest

from facedouble.faceset.held_out import GAP_FRAMES, split_held_out


@pytest.mark.parametrize("step", [1, 3, 30])
@pytest.mark.parametrize("count", [40, 100, 1000])
def test_the_last_tenth_is_held_out_some_frames_apart(count: int, step: int) -> None:
    frames = list(range(0, count * step, step))
    trained, first = split_held_out(frames)
    assert count - first == round(count / 10)
    assert frames[first] - frames[trained - 1] >= GAP_FRAMES
    assert trained >= count - round(count / 10) - GAP_FRAMES, "and no more is lost than that"


@pytest.mark.parametrize("count", range(25))
def test_ten_faces_are_left_to_train_on(count: int) -> None:
    trained, first = split_held_out(range(0, 20 * count, 20))
    assert trained == min(count, max(10, count - round(count / 10)))
    assert first >= trained


def test_faces_of_one_frame_and_gaps_are_told_by_frame_and_not_by_number() -> None:
    frames = [frame for frame in range(30) for _ in range(2)]
    trained, first = split_held_out(frames)
    assert (trained, first) == (2 * (27 - GAP_FRAMES) + 2, 54)
    assert split_held_out([0] * 30) == (30, 30), "one frame cannot be taken apart"
