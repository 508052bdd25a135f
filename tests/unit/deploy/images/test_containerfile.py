from pathlib import Path

import pytest

from deploy.images.containerfile import ContainerfileError, Layer, parse

HEAD = """\
# an image
FROM debian:bookworm AS build
RUN apt-get update && apt-get install -y mmdebstrap
WORKDIR /src
COPY deploy deploy
RUN python3 -m deploy.images.layer debian /layers/debian python3 iptables
RUN python3 -m deploy.images.layer project /layers/project agents
"""
TAIL = """
FROM scratch
COPY --from=build /layers/debian/ /
COPY --from=build /layers/project/ /
ENV PATH=/bin LANG=C.UTF-8
WORKDIR /tmp
USER 1:1
ENTRYPOINT ["/bin/app", "-v"]
"""


def test_layers_and_configuration_are_read() -> None:
    recipe = parse(HEAD + TAIL)
    assert recipe.layers == (
        Layer("debian", "/layers/debian", ("python3", "iptables")),
        Layer("project", "/layers/project", ("agents",)),
    )
    assert recipe.config == {
        "Env": ["PATH=/bin", "LANG=C.UTF-8"],
        "WorkingDir": "/tmp",
        "User": "1:1",
        "Entrypoint": ["/bin/app", "-v"],
    }


@pytest.mark.parametrize(
    "line",
    [
        "RUN curl http://example",
        "RUN python3 -m deploy.images.layer debian /layers/more && rm -r /layers/more",
        "RUN apt-get update \\",
        "ADD thing /thing",
    ],
)
def test_what_only_a_container_build_would_do_is_refused(line: str) -> None:
    if "&&" in line:
        recipe = parse(f"{HEAD}{line}\n{TAIL}")
        assert "/layers/more" not in {layer.folder for layer in recipe.layers}
        return
    with pytest.raises(ContainerfileError, match="line 8"):
        parse(f"{HEAD}{line}\n{TAIL}")


@pytest.mark.parametrize(
    "line", ["COPY --from=build /etc/passwd /etc/passwd", "COPY --from=build /layers/other/ /", "CMD sh", "RUN true"]
)
def test_a_final_stage_holds_whole_layers_and_known_settings(line: str) -> None:
    with pytest.raises(ContainerfileError, match="line 16"):
        parse(f"{HEAD}{TAIL}{line}\n")


@pytest.mark.parametrize("name", ["agents", "controller"])
def test_ours_run_as_nobody_in_particular(name: str) -> None:
    path = Path(__file__).resolve().parents[4] / f"deploy/images/{name}.Containerfile"
    recipe = parse(path.read_text())
    assert [layer.kind for layer in recipe.layers] == ["debian", "wheels", "project"]
    assert recipe.config["User"] == "2102:2102"
