"""What ``facedouble verify`` says, and how it ends."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facedouble.cli.main import main
from facedouble.cli.verify import CLAIMED
from facedouble.errors import InputError
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.describe import describe
from facedouble.provenance.marker import Marker
from facedouble.provenance.signing_identity import SigningIdentity
from facedouble.provenance.verify import State, Verdict, Verifier, verify
from facedouble.video.images import write_png
from tests.provenance.conftest import sign


@pytest.fixture
def marked(picture: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity) -> Path:
    path = picture("a.png")
    path.write_bytes(Marker(credentials, identity).image(path.read_bytes(), path.name))
    return path


def test_in_words(marked: Path, identity: SigningIdentity, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(marked)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a.png: marked as synthetic, and not changed since."
    text = "\n".join(lines)
    assert "a person's face was replaced by a trained model." in text
    assert "With model anna, iteration 1200." in text
    assert f"Made from take 1.mp4, SHA-256 {'ab' * 32}." in text
    assert f"The performer's release has SHA-256 {'cd' * 32}." in text
    assert f"Signed by {identity.name}, with this user's own key." in text
    assert "IPTC digital source type compositeWithTrainedAlgorithmicMedia" in text
    assert "AIGC label synthetic, by facedouble" in text


def test_changed_in_words(marked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(marked.read_bytes())
    data[-20] ^= 1
    marked.write_bytes(data)
    assert main(["verify", str(marked)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("a.png: CHANGED since it was marked")
    assert "release" not in out


def test_unmarked_in_words(picture: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(picture("b.jpg"))]) == 1
    out = capsys.readouterr().out
    assert out.startswith("b.jpg: unmarked; it carries no content credentials.")
    assert "none of the plain labels" in out


def test_labels_alone_are_told_for_what_they_are(marked: Path) -> None:
    data = marked.read_bytes()
    start = data.index(b"caBX") - 4
    length = int.from_bytes(data[start : start + 4], "big")
    marked.write_bytes(data[:start] + data[start + 12 + length :])
    [found] = verify(marked)
    assert found.state is State.UNMARKED
    assert "anyone can write or change them" in describe(found)[-1]


def test_several_and_a_folder(
    marked: Path, credentials: Credentials, identity: SigningIdentity, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = marked.parent / "frames"
    folder.mkdir()
    for index in range(12):
        write_png(folder / f"{index:06d}.png", np.full((8, 8, 3), index, np.uint8))
    assert main(["verify", str(marked), str(folder)]) == 1
    assert capsys.readouterr().out.endswith("000009.png: unmarked\n  and 2 more\n")
    marker = Marker(credentials, identity)
    for file in folder.iterdir():
        file.write_bytes(marker.image(file.read_bytes(), file.name))
    assert main(["verify", str(marked), str(folder)]) == 0
    assert f"{folder}: 12 files: 12 intact." in capsys.readouterr().out


def test_a_signer_unknown_here_only_claims(
    marked: Path,
    identity: SigningIdentity,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FACEDOUBLE_CONFIG", str(tmp_path / "of another"))
    assert main(["verify", str(marked)]) == CLAIMED
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "a.png: not changed since it was signed, but by a signer whose key is not known here."
    assert "no certificate trusted here vouches for the key" in others[0]
    assert "  That signer claims: With model anna, iteration 1200." in others
    assert not (tmp_path / "of another").exists()  # looking makes nothing
    (tmp_path / "root.pem").write_bytes(identity.root)
    assert main(["verify", "--trust", str(tmp_path / "root.pem"), str(marked)]) == 0
    assert "whose certificate is trusted here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "data"), [("none.png", None), ("a.txt", b"text"), ("a.png", b"text"), ("folder", None)]
)
def test_what_cannot_be_looked_at(
    name: str, data: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif data is not None:
        path.write_bytes(data)
    assert main(["verify", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ")
    assert error.count("\n") == 1


def test_certificates_to_trust_that_are_none(marked: Path, tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("text")
    with pytest.raises(InputError, match="not certificates"):
        verify(marked, trusted=[tmp_path / "a.pem"])
    with pytest.raises(InputError, match="cannot be read"):
        verify(marked, trusted=[tmp_path / "none.pem"])
    (tmp_path / "a.pem").write_text("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n")
    with pytest.raises(InputError, match="not certificates"):
        verify(marked, trusted=[tmp_path / "a.pem"])


def test_credentials_of_a_camera(picture: Callable[[str], Path], identity: SigningIdentity) -> None:
    """They are intact, and say nothing of synthetic media; neither do we."""
    path = picture("a.png")
    created = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
    }
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]
    generator = [{"name": "Camera\x1b[2J", "version": "2"}]
    sign(path, identity, {"claim_generator_info": generator, "title": "a", "assertions": assertions})
    found = Verifier(identity).verify(path)
    assert found.state is State.INTACT
    assert not found.statements.synthetic
    assert found.statements.action == "c2pa.created"
    told = describe(found)
    assert told[0] == "a.png: carries credentials that do not say it is synthetic, and was not changed since."
    assert "release" not in "".join(told)
    assert "\x1b" not in "".join(told)


def test_an_edit_by_another_program_hides_nothing(marked: Path, identity: SigningIdentity) -> None:
    """It carries the marks on, and says nothing of its own about models or releases: what is inside is only
    told as what others claim."""
    parent = {"title": "a.png", "relationship": "parentOf", "label": "before"}
    actions = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": ["before"]}},
        {"action": "c2pa.color_adjustments"},
    ]
    definition: dict[str, object] = {
        "claim_generator_info": [{"name": "Grading", "version": "3"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    sign(marked, identity, definition, parents=[(parent, marked)])
    found = Verifier(identity).verify(marked)
    assert (found.state, found.statements.ancestors) == (State.INTACT, 1)
    assert found.statements.program == "Grading 3"
    assert not found.statements.synthetic
    assert found.statements.consent_sha256 is found.statements.source_sha256 is None
    assert found.statements.synthetic_ancestors == 1
    assert describe(found)[2] == (
        "It includes the credentials of what it was made from (1), for which nothing vouches; 1 of them "
        "claim that a trained model made something."
    )


@pytest.mark.parametrize("parameters", [["a list"], 3, "text", {"a": {"b": []}}])
def test_details_that_others_wrote_wrongly(
    parameters: object, picture: Callable[[str], Path], identity: SigningIdentity
) -> None:
    path = picture("a.png")
    created = {
        "action": "c2pa.created",
        "when": "yesterday",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    }
    data = {"parameters": parameters, "source": parameters, "consent": 7}
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
        {"label": "org.facedouble.double", "kind": "Json", "data": data},
    ]
    sign(path, identity, {"claim_generator_info": [{"name": "other"}], "assertions": assertions})
    found = Verifier(identity).verify(path)
    assert found.statements.synthetic
    assert found.statements.source_sha256 is found.statements.consent_sha256 is None
    assert describe(found)[0] == "a.png: marked as synthetic, and not changed since."


def test_credentials_elsewhere_are_not_fetched(
    picture: Callable[[str], Path], identity: SigningIdentity
) -> None:
    path = picture("a.png")
    definition = {
        "claim_generator_info": [{"name": "other"}],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty",
                        }
                    ]
                },
            }
        ],
    }
    sign(path, identity, definition, url="http://127.0.0.1:9/none.c2pa")
    found = Verifier(identity).verify(path)
    assert found.state is State.UNMARKED
    assert "http://127.0.0.1:9/none.c2pa" in "".join(describe(found))


def test_a_label_of_unknown_value_is_told() -> None:
    verdict = Verdict(path=Path("a.png"), state=State.UNMARKED)
    labels = dataclasses.replace(verdict.labels, aigc=json.loads('{"Label": "9"}'))
    assert "of no known value (9)" in describe(dataclasses.replace(verdict, labels=labels))[-1]
