"""The nat rules: what is skipped is skipped before the redirect, and applying twice adds nothing."""

from hypothesis import given
from hypothesis import strategies as st

from agents.redirect.rules import PER_RULE, Redirect, restore

ports = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(lambda pair: (min(pair), max(pair)))


def test_the_rules_of_a_pod() -> None:
    text = restore(Redirect(skip_inbound=((25, 25),), skip_outbound=((5432, 5433),), skip_networks=("10.0.0.0/8",)))
    assert text.splitlines() == [
        "*nat",
        ":MESHTUI_INBOUND - [0:0]",
        ":MESHTUI_OUTBOUND - [0:0]",
        "-A PREROUTING -p tcp -j MESHTUI_INBOUND",
        "-A OUTPUT -p tcp -j MESHTUI_OUTBOUND",
        "-A MESHTUI_INBOUND -p tcp -m multiport --dports 4143,4191,25 -j RETURN",
        "-A MESHTUI_INBOUND -p tcp -j REDIRECT --to-ports 4143",
        "-A MESHTUI_OUTBOUND -m owner --uid-owner 2102 -j RETURN",
        "-A MESHTUI_OUTBOUND -o lo -j RETURN",
        "-A MESHTUI_OUTBOUND -d 10.0.0.0/8 -j RETURN",
        "-A MESHTUI_OUTBOUND -p tcp -m multiport --dports 5432:5433 -j RETURN",
        "-A MESHTUI_OUTBOUND -p tcp -j REDIRECT --to-ports 4140",
        "COMMIT",
    ]


def test_a_second_time_adds_no_second_jump() -> None:
    first = restore(Redirect())
    again = restore(Redirect(), present=first)
    assert "-A PREROUTING -p tcp -j MESHTUI_INBOUND" not in again
    assert again.count("REDIRECT") == 2


@given(st.lists(ports, max_size=60))
def test_every_skipped_port_stands_in_a_rule_that_the_kernel_takes(skipped: list[tuple[int, int]]) -> None:
    text = restore(Redirect(skip_outbound=tuple(skipped)))
    lists = [line.split()[7] for line in text.splitlines() if "MESHTUI_OUTBOUND -p tcp -m multiport" in line]
    found = [part for each in lists for part in each.split(",")]
    assert found == [str(low) if low == high else f"{low}:{high}" for low, high in skipped]
    for each in lists:
        assert sum(2 if ":" in part else 1 for part in each.split(",")) <= PER_RULE
