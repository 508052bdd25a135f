"""Every spelling that kubectl knows names one kind."""

from meshcore.wire.kinds import KINDS, WORDS, parse_kind


def test_spellings() -> None:
    for word in ("deploy", "deployment", "deployments", "Deployment"):
        kind = parse_kind(word)
        assert kind is not None
        assert kind.name == "deployment"
    assert parse_kind("depoy") is None


def test_no_word_names_two_kinds() -> None:
    assert len(WORDS) == sum(len({kind.name, kind.plural, *kind.short}) for kind in KINDS)
