"""The filter of the tap list."""

import pytest

from meshcore.wire.common_pb2 import Direction
from meshtui.columns.sieve import parse
from meshtui.model.exchange import Exchanges
from meshtui.model.filter import FilterError
from tests.support.tapping import request


@pytest.fixture(scope="module")
def ring() -> Exchanges:
    found = Exchanges()
    found.extend(request("vote", grpc=2, failed=True, end_us=250_000))
    found.extend(request("list", source="vote-bot", destination="web", method="GET", path="/api/list"))
    found.extend(
        request("boom", source="vote-bot", destination="web", method="GET", path="/api/vote", status=500, failed=True)
    )
    found.extend(request("in", direction=Direction.INBOUND, status=404, path="/nowhere", method="GET"))
    return found


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "vote list boom in"),
        ("method=get", "list boom in"),
        ("status=5xx", "boom"),
        ("status=404", "in"),
        ("status=400-599", "boom in"),
        ("grpc=Unknown", "vote"),
        ("grpc=2", "vote"),
        ("class=fail", "vote boom"),
        ("class=success !status=404", "list"),
        ("peer=vote-bot", "list boom"),
        ("dst=voting", "vote in"),
        ("path=^/api", "list boom"),
        ("path=^/api class=failure", "boom"),
        ("latency>100ms", "vote"),
        ("latency<0.1s", "list boom in"),
        ("doughnut", "vote"),
        ("!doughnut", "list boom in"),
        ("/api/", "list boom"),
        ("a=b", None),
    ],
)
def test_words(ring: Exchanges, text: str, ids: str | None) -> None:
    if ids is None:
        with pytest.raises(FilterError):
            parse(text)
        return
    test = parse(text)
    assert " ".join(x.id.split("/")[0] for x in ring.rows() if test(x)) == ids


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("metod=GET", "did you mean method="),
        ("status=abc", "5xx"),
        ("grpc=unavailible", "Unavailable"),
        ("class=good", "class=failure"),
        ("latency>soon", "latency>100ms"),
        ("path=(", "regular expression"),
        ("(", "regular expression"),
    ],
)
def test_mistakes_name_the_fix(text: str, says: str) -> None:
    with pytest.raises(FilterError, match=says):
        parse(text)
