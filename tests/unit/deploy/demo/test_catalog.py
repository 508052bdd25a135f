import re
from pathlib import Path

import voting_pb2
from catalog import EMOJI, rpc_name


def test_every_emoji_has_an_rpc_and_every_rpc_an_emoji() -> None:
    rpcs = set(voting_pb2.DESCRIPTOR.services_by_name["VotingService"].methods_by_name)
    assert {rpc_name(code) for code in EMOJI} == rpcs - {"Results"}


def test_shortcodes_are_unique_and_well_formed() -> None:
    assert len(set(EMOJI.values())) == len(EMOJI) == 100
    assert all(re.fullmatch(r":[a-z_]+:", code) for code in EMOJI)
    assert rpc_name(":see_no_evil:") == "VoteSeeNoEvil"


def test_the_demo_imports_nothing_of_ours() -> None:
    import catalog

    for path in Path(catalog.__file__).parent.glob("*.py"):
        assert not re.search(r"^\s*(from|import) (meshtui|meshcore|agents)\b", path.read_text(), re.MULTILINE), path
