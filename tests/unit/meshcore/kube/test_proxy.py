"""Which proxy is asked, as kubectl decides it."""

import pytest

from meshcore.kube.failure import KubeError
from meshcore.kube.proxy import proxy_for

SET = {"HTTPS_PROXY": "http://proxy:3128"}


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://api.example.org:6443", SET, "http://proxy:3128"),
        ("https://api.example.org", {"https_proxy": "proxy:3128"}, "http://proxy:3128"),
        ("http://api.example.org", SET, None),
        ("http://api.example.org", {"HTTP_PROXY": "http://p"}, "http://p"),
        ("https://127.0.0.1:6443", SET, None),
        ("https://[::1]:6443", SET, None),
        ("https://localhost:6443", SET, None),
        ("https://api.example.org", SET | {"NO_PROXY": "other, example.org"}, None),
        ("https://api.example.org", SET | {"NO_PROXY": ".example.org"}, None),
        ("https://example.org", SET | {"NO_PROXY": ".example.org"}, "http://proxy:3128"),
        ("https://notexample.org", SET | {"NO_PROXY": "example.org"}, "http://proxy:3128"),
        ("https://api.example.org", SET | {"no_proxy": "*"}, None),
        ("https://api.example.org", SET | {"NO_PROXY": "api.example.org:6443"}, "http://proxy:3128"),
        ("https://api.example.org:6443", SET | {"NO_PROXY": "api.example.org:6443"}, None),
        ("https://10.1.2.3:6443", SET | {"NO_PROXY": "10.0.0.0/8"}, None),
        ("https://11.1.2.3:6443", SET | {"NO_PROXY": "10.0.0.0/8,nonsense/99"}, "http://proxy:3128"),
        ("https://10.1.2.3:6443", SET | {"NO_PROXY": "10.1.2.3"}, None),
        ("https://[2001:db8::1]:6443", SET | {"NO_PROXY": "2001:db8::/32"}, None),
        ("https://[2001:db8::1]:6443", SET | {"NO_PROXY": "[2001:db8::1]:6443"}, None),
    ],
)
def test_the_environment_is_read_as_kubectl_reads_it(server: str, environ: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(server, None, environ) == proxy


def test_the_kubeconfigs_proxy_goes_before_the_environments() -> None:
    assert proxy_for("https://127.0.0.1", "http://mine:1", SET | {"NO_PROXY": "*"}) == "http://mine:1"


def test_a_proxy_that_cannot_be_used_is_said() -> None:
    with pytest.raises(KubeError, match="proxy-url in the kubeconfig is a proxy of kind socks4"):
        proxy_for("https://api", "socks4://mine:1", {})
    assert proxy_for("https://api", "socks5://mine:1", {}) == "socks5://mine:1"


@pytest.mark.parametrize("proxy", ["http://user:s3cret@h:99999", "http://h:x", "http://", "socks5://[::1"])
def test_what_is_no_url_of_a_proxy_is_said_without_its_password(proxy: str) -> None:
    with pytest.raises(KubeError, match="proxy-url in the kubeconfig is no URL of a proxy") as caught:
        proxy_for("https://api:6443", proxy, {})
    assert "s3cret" not in str(caught.value)
