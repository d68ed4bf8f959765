"""Pickles are read as data: values come out as they are, and nothing that a pickle names is run."""

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.interchange.plain_pickle import PlainArray, read_pickle
from facedouble.interchange.plain_values import points


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("kind", ["<f4", "<f8", ">f8", "<i8", "u1", "<f2", "?"])
def test_arrays_of_every_protocol_come_out_as_they_are(protocol: int, kind: str) -> None:
    array = np.arange(136).reshape(68, 2).astype(kind)
    found = read_pickle(pickle.dumps(array, protocol=protocol))
    assert isinstance(found, PlainArray)
    assert (found.shape, found.values()) == ((68, 2), array.ravel().tolist())


def test_an_array_in_column_order_comes_out_row_by_row() -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(3, 2))
    assert read_pickle(pickle.dumps(array, protocol=4)).values() == array.ravel().tolist()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_plain_values_come_out_as_they_are(protocol: int) -> None:
    value = {"a": [1, 2.5, None, True, "ü"], "b": (b"\0\xff", bytearray(b"x")), "c": OrderedDict(k="v")}
    assert read_pickle(pickle.dumps(value, protocol=protocol)) == value


def test_a_numpy_scalar_is_a_number() -> None:
    assert read_pickle(pickle.dumps({"version": np.float64(2.5), "n": np.int32(7)})) == {
        "version": 2.5,
        "n": 7,
    }


def test_the_module_names_of_old_and_new_numpy_are_known() -> None:
    data = pickle.dumps(np.eye(3)[:2], protocol=2)
    old = data.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    new = data.replace(b"cnumpy.core.multiarray\n", b"cnumpy._core.multiarray\n")
    assert old != new
    assert read_pickle(old).values() == read_pickle(new).values() == [1, 0, 0, 0, 1, 0]


def test_enumerations_of_deepfacelab_become_numbers() -> None:
    data = b"cfacelib.FaceType\nFaceType\n(I4\ntR."
    assert read_pickle(data) == 4


class _Runs:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


CODE = {
    "a system call": lambda mark: pickle.dumps(_Runs(__import__("os").system, f"touch {mark}")),
    "eval": lambda mark: pickle.dumps(_Runs(eval, f"open({str(mark)!r}, 'w')")),
    "a nested one": lambda mark: pickle.dumps({"faces": [_Runs(exec, f"open({str(mark)!r}, 'w')")]}),
    "an import": lambda mark: b"cantigravity\nfly_crooked_garrett\n.",
    "numpy's own loader": lambda mark: b"cnumpy\nload\n(V" + str(mark).encode() + b"\ntR.",
    "an attribute of a name": lambda mark: b"\x80\x04\x8c\x05numpy\x8c\x0fdtype.__class__\x93.",
    "attributes of a stand-in": lambda mark: (
        b"\x80\x04\x8c\x07_codecs\x8c\x06encode\x93N}\x8c\x08__code__K\x01s\x86b."
    ),
    "an instance of an old class": lambda mark: b"(S'touch x'\nios\nsystem\n.",
    "something outside": lambda mark: b"Pmine\n.",
    "an extension": lambda mark: b"\x82\x01.",
    "an array of objects": lambda mark: pickle.dumps(np.array([{}, []], dtype=object)),
    "an array of records": lambda mark: pickle.dumps(np.zeros(2, dtype=[("a", "f4")])),
    "a cube in column order": lambda mark: pickle.dumps(np.asfortranarray(np.ones((3, 2, 2)))),
    "a dtype of texts": lambda mark: pickle.dumps(np.array(["a"])),
    "half a pickle": lambda mark: pickle.dumps(np.eye(3))[:-20],
    "nothing": lambda mark: b"",
}


@pytest.mark.parametrize("make", CODE.values(), ids=CODE.keys())
def test_what_is_not_data_is_refused_and_nothing_runs(make: Any, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(ValueError):  # noqa: PT011  (each has its own words)
        read_pickle(make(mark))
    assert not mark.exists()


def test_an_array_larger_than_its_data_is_refused() -> None:
    file = io.BytesIO()
    array = pickle.dumps(np.zeros((2, 2), np.float32), protocol=2)
    file.write(array.replace(b"K\x02K\x02\x86", b"K\x7fK\x7f\x86", 1))
    with pytest.raises(ValueError, match="another size"):
        read_pickle(file.getvalue())


def test_points_need_their_number_and_two_columns() -> None:
    assert points([[1, 2], [3.5, 4]], 2) == ((1, 2), (3.5, 4))
    assert points(None) is None
    for wrong in (
        [[1, 2]],
        [[1, 2, 3], [1, 2, 3]],
        [["a", "b"], [1, 2]],
        "ab",
        [[[1], 2], [3, 4]],
        [[True, 2]] * 2,
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            points(wrong, 2)
