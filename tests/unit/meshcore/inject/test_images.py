"""What an image is called, part by part, and how it is called with another tag."""

import pytest

from meshcore.inject.images import parts, tagged

DIGEST = "sha256:0a1b"


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("controller", ("controller", "", "")),
        ("meshtui/controller:0.1.0", ("meshtui/controller", "0.1.0", "")),
        ("localhost:5000/controller", ("localhost:5000/controller", "", "")),
        ("localhost:5000/a/b:main", ("localhost:5000/a/b", "main", "")),
        (f"example.com/a@{DIGEST}", ("example.com/a", "", DIGEST)),
        (f"example.com:443/a:1.2@{DIGEST}", ("example.com:443/a", "1.2", DIGEST)),
    ],
)
def test_a_port_is_no_tag_and_neither_is_a_digest(image: str, found: tuple[str, str, str]) -> None:
    assert parts(image) == found
    assert tagged(image, "2") == f"{found[0]}:2"
