import pytest

from agents.launcher.address import Address, parse


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (8080, "127.0.0.1:8080"),
        ("auto", "127.0.0.1:0"),
        ("[::1]:8080", "[::1]:8080"),
        ("[0:0::1]:auto", "[::1]:0"),
        ("127.0.0.2:80", "127.0.0.2:80"),
        ("unix:run/${pod}.sock", "unix:run/${pod}.sock"),
        ("unix:/a:80", "unix:/a:80"),
    ],
)
def test_addresses(text: str | int, found: str) -> None:
    assert str(parse(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        *(0, 65536, "", "80", "::1", "::1:80", "[::1]", "[::1]:", "[::1]:0", "[::g]:80", "[fe80::1%lo]:80"),
        *("[1.2.3.4]:80", "1.2.3:80", "localhost:80", "127.0.0.1:99999", "127.0.0.1:+8", "unix:", "unix:/a\0b"),
    ],
)
def test_anything_else_is_no_address(text: str | int) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_the_usual_address_goes_without_saying() -> None:
    assert Address("127.0.0.1", 80).brief == "port 80"
    assert Address("::1", 80).brief == "[::1]:80"
    assert Address("unix:/run/web").brief == "unix:/run/web"
    assert (Address("unix:/run/web").path, Address("::1", 80).path) == ("/run/web", "")
