"""What `install` prints of the authority: one of its own, one from files, or the anchors alone for cert-manager's."""

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshcore.inject.names import ANCHORS_KEY, ANCHORS_MAP, CONFIG_KEY, CONFIG_MAP, ISSUER_SECRET
from meshcore.inject.settings import read
from meshcore.pki.authority import create_anchor, create_issuer, key_pem, pem, utc
from meshtui.cli.main import execute


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """An authority of somebody's own, as files: anchors, issuer, key; and one that is none."""
    now = utc(time.time())
    anchor, key = create_anchor("corp", now)
    issuer, issuer_key = create_issuer("corp", anchor, key, now)
    parts = {"anchors": pem(anchor), "issuer": pem(issuer), "key": key_pem(issuer_key), "rubbish": b"rubbish\n"}
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in parts}


def install(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[Any], str]:
    """Return the exit status, the objects on stdout, and stderr."""
    status = execute(["install", "--ignore-cluster", *words])
    said = capsys.readouterr()
    return status, list(yaml.safe_load_all(said.out)), said.err


def named(objects: list[Any], kind: str, name: str) -> list[Any]:
    return [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]


def external(objects: list[Any]) -> bool:
    (config,) = named(objects, "ConfigMap", CONFIG_MAP)
    return read(config["data"][CONFIG_KEY]).identity.external


def test_without_a_word_it_makes_one(capsys: pytest.CaptureFixture[str]) -> None:
    status, objects, _ = install(capsys)
    assert (status, external(objects)) == (0, False)
    assert len(named(objects, "Secret", ISSUER_SECRET)) == len(named(objects, "ConfigMap", ANCHORS_MAP)) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--mesh-namespace", "Bad_NS"], "'Bad_NS' cannot name a namespace"),
        (["--mesh-namespace", ""], "'' cannot name a namespace"),
        (["--trust-domain", "a b"], "'a b' cannot be a trust domain"),
        (["--trust-domain", "UPPER"], "'UPPER' cannot be a trust domain"),
        (["--image-tag", "a b"], "is no image"),
        (["--image-prefix", " "], "is no image"),
        (["--set", "images.agents="], "is no image"),
        (["--set", "proxy"], "'proxy' changes nothing"),
        (["--set", "proxy.cpu=1"], "proxy.cpu: there is no such setting; there is cpuRequest"),
        (["--set", "proxy.skipNetworks=nonsense"], "'nonsense' is no network"),
        (["--set", "addresses.identity=nonsense"], "'nonsense' is no address to dial"),
        (["--set", "proxy.nativeSidecar=["], "'[' is neither a number nor true or false"),
        (["--set", "proxy.workers=many"], "$.proxy.workers"),
    ],
)
def test_what_no_mesh_could_have_is_refused_in_a_line(
    capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    status, objects, said = install(capsys, *words)
    assert (status, objects, said.count("\n")) == (2, [], 1)
    assert why in said


def test_a_number_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    _, objects, _ = install(capsys, "--set", "proxy.workers=2")
    (config,) = named(objects, "ConfigMap", CONFIG_MAP)
    assert read(config["data"][CONFIG_KEY]).proxy.workers == 2


@pytest.mark.parametrize("scope", [[], ["--namespaced"]], ids=["cluster", "namespace"])
def test_cert_managers_has_the_anchors_and_no_secret(
    capsys: pytest.CaptureFixture[str], files: dict[str, str], scope: list[str]
) -> None:
    flags = ["--identity-external", "--identity-anchors", files["anchors"], "--mesh-namespace", "mesh2", *scope]
    status, objects, _ = install(capsys, *flags)
    assert (status, external(objects)) == (0, True)
    assert not [each for each in objects if each["kind"] == "Secret"]
    (bundle,) = named(objects, "ConfigMap", ANCHORS_MAP)
    assert bundle["metadata"]["namespace"] == "mesh2"
    assert bundle["data"][ANCHORS_KEY] == Path(files["anchors"]).read_text()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--identity-external"], "--identity-external needs the trust anchors that the issuer is under"),
        (["--set", "identity.external=true"], "say --identity-external --identity-anchors FILE"),
        (["--identity-external", "--identity-anchors", "anchors", "--identity-issuer", "issuer"], "no issuer of yours"),
        (["--identity-external", "--identity-anchors", "rubbish"], "the trust anchors cannot be read"),
        (["--identity-external", "--identity-anchors", "/nowhere/ca.pem"], "/nowhere/ca.pem: No such file"),
        (["--identity-anchors", "anchors"], "--identity-issuer is missing"),
    ],
    ids=["no anchors", "by a setting", "an issuer, too", "rubbish", "no file", "no issuer"],
)
def test_half_an_authority_is_a_mistake_of_the_command_line(
    capsys: pytest.CaptureFixture[str], files: dict[str, str], flags: list[str], said: str
) -> None:
    status, objects, error = install(capsys, *(files.get(word, word) for word in flags))
    assert (status, objects) == (2, [])
    assert said in error


def test_files_of_ones_own_become_both_objects(capsys: pytest.CaptureFixture[str], files: dict[str, str]) -> None:
    flags = zip(
        ("--identity-anchors", "--identity-issuer", "--identity-issuer-key"), ("anchors", "issuer", "key"), strict=True
    )
    status, objects, _ = install(capsys, *(word for flag, part in flags for word in (flag, files[part])))
    assert (status, external(objects)) == (0, False)
    assert len(named(objects, "Secret", ISSUER_SECRET)) == 1
