"""Resources on a command line: what kubectl's users type, and one line for what nobody can mean."""

import pytest

from meshcore.wire.common_pb2 import Resource
from meshtui.cli.fault import Fault
from meshtui.cli.resources import ALL, parse_resource, parse_resources, parse_tapped, spell, within


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("deploy", ["deployment"]),
        ("deploy web", ["deployment/web"]),
        ("deploy web emoji", ["deployment/web", "deployment/emoji"]),
        ("deploy/web", ["deployment/web"]),
        ("deploy/web po/web-0", ["deployment/web", "pod/web-0"]),
        ("deploy,po", ["deployment", "pod"]),
        ("NS", ["namespace"]),
        ("all", list(ALL)),
    ],
)
def test_what_words_mean(words: str, meant: list[str]) -> None:
    assert [spell(each) for each in parse_resources(words.split())] == meant


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "which resource?; for example `deploy`, `deploy/web` or `po`"),
        ("depoy", "unknown resource type 'depoy'; did you mean deploy?"),
        ("deploy/", "'deploy/' is not TYPE/NAME; for example deploy/web"),
        ("deploy/a/b", "'deploy/a/b' is not TYPE/NAME; for example deploy/web"),
        ("deploy/a b", "'b' is not TYPE/NAME; for example deploy/web"),
        ("all po", "`all` stands alone; leave out po"),
        ("all all", "`all` stands alone; leave out the second one"),
        ("zzz", "unknown resource type 'zzz'; there is ns, deploy, po, svc, sts, ds, cj, rs, rc, job, all"),
        ("deploy/web deploy/web", "deployment/web is named twice; name it once"),
        ("deploy,po web", "several types and names at once: deploy,po web; write TYPE/NAME for each"),
    ],
)
def test_what_nobody_can_mean(words: str, complaint: str) -> None:
    with pytest.raises(Fault) as caught:
        parse_resources(words.split())
    assert str(caught.value) == complaint
    assert caught.value.status == 2


def test_a_namespace_lies_in_none() -> None:
    found = within(parse_resources(["ns", "shop"]) + parse_resources(["po"]), "shop")
    assert found == [Resource(kind="namespace", name="shop"), Resource(kind="pod", namespace="shop")]


def test_all_that_can_be_tapped_is_a_namespace() -> None:
    assert parse_tapped(["all"], "shop") == [Resource(kind="namespace", name="shop")]
    assert parse_tapped(["all"], "") == [Resource(kind="namespace")]
    assert parse_tapped(["po"], "shop") == [Resource(kind="pod", namespace="shop")]


def test_a_flag_names_itself() -> None:
    assert parse_resource("svc/web", "shop", "--to") == Resource(kind="service", name="web", namespace="shop")
    with pytest.raises(Fault, match="--to: unknown resource type 'svcs'; did you mean svc"):
        parse_resource("svcs/web", "shop", "--to")
