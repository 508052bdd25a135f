"""`meshtui inject` and `uninject` on files: what is written, what is said, and how a bad input leaves them."""

from pathlib import Path

import pytest
import yaml

from meshcore.inject import names
from meshtui.cli.main import execute

CONFIG = """images: {agents: "agents:1", controller: "controller:1"}
addresses: {identity: "identity.meshtui:8080", control: "control.meshtui:8086"}
"""
WEB = """# kept
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: web:1
        ports:
        - {containerPort: 53, protocol: UDP}
"""


SHARED = """# kept
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels: &labels
      app: web  # who it is
  template:
    spec:
      containers:
      - name: web
        image: web:1
    metadata:
      labels: *labels
"""
NO_CLUSTER = "annotations of namespaces are not heeded: there is no kubeconfig\n"


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "web.yml").write_text(WEB)
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "anchors").write_text("PEM\n")
    return [str(tmp_path / "web.yml"), "--config", str(tmp_path / "config"), "--anchors", str(tmp_path / "anchors")]


def test_a_deployment_is_given_a_sidecar_and_its_udp_port_is_told(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["inject", *given]) == 0
    out, err = capsys.readouterr()
    template = yaml.safe_load(out)["spec"]["template"]
    assert [each["name"] for each in template["spec"]["initContainers"]] == [names.REDIRECT, names.PROXY]
    assert template["metadata"]["labels"][names.WORKLOAD_NAME] == "web"
    assert out.startswith("# kept\n")
    assert err == f"{NO_CLUSTER}deployment/web: injected; UDP passes the mesh by: port 53\n"


def test_a_second_time_changes_nothing_and_uninject_takes_it_out_again(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(["inject", *given])
    once = capsys.readouterr().out
    file = tmp_path / "web.yml"
    file.write_text(once)
    assert execute(["inject", *given]) == 0
    out, err = capsys.readouterr()
    assert out == once
    assert "skipped: it has a sidecar already" in err
    assert execute(["uninject", str(file)]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == yaml.safe_load(WEB)


def test_a_namespace_in_the_same_input_says_what_its_pods_are_given(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "web.yml"
    notes = {names.CPU_REQUEST: "77m", names.INJECT: names.DISABLED}  # who injects by hand asks for it
    space = yaml.safe_dump(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": notes}}
    )
    file.write_text(space + "---\n" + WEB.replace("  name: web", "  name: web\n  namespace: shop", 1))
    assert execute(["inject", *given]) == 0
    out, err = capsys.readouterr()
    _, web = yaml.safe_load_all(out)
    proxy = web["spec"]["template"]["spec"]["initContainers"][1]
    assert proxy["resources"]["requests"]["cpu"] == "77m"
    assert err.startswith("deployment/web: injected")

    file.write_text(
        file.read_text().replace("  name: shop\n", f"  name: shop\n  labels: {{{names.ENFORCE}: baseline}}\n", 1)
    )
    text = file.read_text()
    assert execute(["inject", *given]) == 0
    out, err = capsys.readouterr()
    assert out == text
    assert err.startswith("deployment/web: skipped: pods of PodSecurity level 'baseline' may have no redirect")


def test_addresses_have_to_be_asked_for(given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config").write_text(CONFIG.replace('8086"', '8086", byIp: true'))
    assert execute(["inject", *given]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "addresses.byIp has to ask the cluster: there is no kubeconfig" in err


def test_annotate_only_writes_the_annotation(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["inject", "--annotate", given[0]]) == 0
    template = yaml.safe_load(capsys.readouterr().out)["spec"]["template"]
    assert template["metadata"]["annotations"] == {names.INJECT: names.ENABLED}
    assert "initContainers" not in template["spec"]


def test_labels_that_a_selector_shares_stay_the_selectors(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Deployment's selector cannot be changed: with our labels in it the API server refuses the object."""
    (tmp_path / "web.yml").write_text(SHARED)
    assert execute(["inject", *given]) == 0
    out, _ = capsys.readouterr()
    spec = yaml.safe_load(out)["spec"]
    assert spec["selector"]["matchLabels"] == {"app": "web"}
    assert spec["template"]["metadata"]["labels"].items() > {"app": "web"}.items()
    assert "app: web  # who it is" in out


def test_an_annotation_without_quotes_is_told_by_file_and_line(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "web.yml").write_text(SHARED + f"      annotations:\n        {names.OPAQUE_PORTS}: 3306\n")
    assert execute(["inject", *given]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    told = f"web.yml:18: Deployment.spec.template.metadata.annotations.{names.OPAQUE_PORTS} is 3306, no text"
    assert told in err


def test_a_folder_without_manifests_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["uninject", str(tmp_path)]) == 2
    assert "has no files that end in .yaml, .yml, .json" in capsys.readouterr().err


def test_input_that_is_no_yaml_names_file_and_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yml"
    file.write_text("a: b\nc: [\n")
    assert execute(["uninject", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{file}:" in err


def test_put_in_and_taken_out_again_a_file_is_as_it_was(
    given: list[str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """What was there with nothing in it, its line endings, and what is around the documents."""
    parts = WEB.replace("labels: {app: web}", "labels: {}  # none\n      annotations: {}").replace(
        "      - name: web", "      - name: wéb"
    )
    text = f"\ufeff# first\n---\n{parts}      volumes: []\n      initContainers:\n...\n".replace("\n", "\r\n").encode()
    file = tmp_path / "web.yml"
    for first in (["inject", *given], ["inject", "--annotate", str(file)]):
        file.write_bytes(text)
        assert execute(first) == 0
        file.write_bytes(capfdbinary.readouterr().out)
        assert file.read_bytes() != text
        assert execute(["uninject", str(file)]) == 0
        assert capfdbinary.readouterr().out == text


def test_files_stay_apart_whatever_they_begin_and_end_with(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    for name, text in (
        ("a.yml", "a: 1"),
        ("b.yml", "\ufeffb: 2\n"),
        ("c.yml", "%YAML 1.1\n---\nc: 3\n"),
        ("d.yml", "d: 4"),
    ):
        (tmp_path / name).write_text(text)
    assert execute(["uninject", str(tmp_path)]) == 0
    assert capsysbinary.readouterr().out == b"a: 1\n---\nb: 2\n...\n%YAML 1.1\n---\nc: 3\n---\nd: 4"
