"""Settings are checked to the last field, and come back as they were written."""

from datetime import timedelta

import pytest

from meshcore.inject.settings import Addresses, Images, Settings, SettingsError, read, write
from meshcore.pki.authority import LEAF_LIFE

SETTINGS = Settings(
    images=Images(agents="a:1", controller="c:1"), addresses=Addresses(identity="i:8080", control="c:8086")
)
DOCUMENT = "images: {agents: a, controller: c}\naddresses: {identity: i:1, control: c:1}\n"


def test_written_settings_are_read_back() -> None:
    assert read(write(SETTINGS)) == SETTINGS


def test_defaults_are_the_documents_own() -> None:
    found = read(DOCUMENT)
    assert found.trust_domain == "cluster.local"
    assert found.proxy.native_sidecar
    assert found.identity.leaf_life == LEAF_LIFE
    assert read(DOCUMENT + "identity: {leafLifetime: 1m30s}").identity.leaf_life == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("extra", "where"),
    [
        ("proxy: {opaquePort: '1'}", r"unknown field `opaquePort` - at `\$.proxy`"),
        ("proxy: {nativeSidecar: maybe}", r"\$.proxy.nativeSidecar"),
        ("proxy: {opaquePorts: 'x'}", r"no list of ports.*\$.proxy.opaquePorts"),
        ("proxy: {logLevel: loud}", r"none of debug.*\$.proxy.logLevel"),
        ("proxy: {drainTimeout: soon}", r"no.*duration.*\$.proxy.drainTimeout"),
        ("proxy: {appPreStop: 1.5s}", r"whole seconds.*\$.proxy.appPreStop"),
        ("proxy: {appPreStop: later}", r"no.*duration.*\$.proxy.appPreStop"),
        ("proxy: {workers: 65}", r"<= 64.*\$.proxy.workers"),
        ("identity: {leafLifetime: 59s}", r"shorter than a minute.*\$.identity.leafLifetime"),
        ("identity: {external: 'yes'}", r"\$.identity.external"),
        ("identity: {leafLifetime: 24}", r"\$.identity.leafLifetime"),
        ("identity: {leafLife: 24h}", r"unknown field `leafLife` - at `\$.identity`"),
        ("proxy: {memoryLimit: lots}", r"\$.proxy.memoryLimit"),
        ("proxy: {memoryLimit: 47Mi}", r"47Mi is less than the request, 48Mi.*\$.proxy.memoryLimit"),
        ("proxy: {cpuRequest: '1', cpuLimit: 999m}", r"999m is less than the request, 1 .*\$.proxy.cpuLimit"),
        ("trustDomain: 1", r"\$.trustDomain"),
        ("trustDomain: UPPER", r"cannot be a trust domain.*\$.trustDomain"),
        ("proxy: {skipNetworks: nonsense}", r"'nonsense' is no network.*\$.proxy.skipNetworks"),
        ("{", "not YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(extra: str, where: str) -> None:
    with pytest.raises(SettingsError, match=where):
        read(DOCUMENT + extra)


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (DOCUMENT.replace("agents: a", "agents: ''"), r"'' is no image.*\$.images.agents"),
        (DOCUMENT.replace("controller: c", "controller: 'c:a b'"), r"is no image.*\$.images.controller"),
        (DOCUMENT.replace("identity: i:1", "identity: nonsense"), r"no address to dial.*\$.addresses.identity"),
        (DOCUMENT.replace("control: c:1", "control: x:99999"), r"no address to dial.*\$.addresses.control"),
    ],
)
def test_what_has_no_default_is_looked_at_too(document: str, where: str) -> None:
    with pytest.raises(SettingsError, match=where):
        read(document)


def test_the_issuer_is_ours_to_make_unless_somebody_says_otherwise() -> None:
    assert read(DOCUMENT).identity.external is False
    assert read(DOCUMENT + "identity: {external: true}").identity.external is True


def test_an_empty_document_is_told() -> None:
    with pytest.raises(SettingsError, match="object"):
        read("")
