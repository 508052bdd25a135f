from agents.launcher.upstreams import targets, variable


def named(*upstreams: str) -> dict[str, str]:
    return {key: str(target) for key, target in targets(upstreams, "shop").items()}


def test_an_upstream_goes_by_its_name() -> None:
    assert named("emoji", "voting:grpc", "ledger.bank:8080") == {
        "emoji": "emoji.shop",
        "voting": "voting.shop:grpc",
        "ledger": "ledger.bank:8080",
    }


def test_alike_names_are_told_apart() -> None:
    assert named("api:grpc", "api:http") == {"api-grpc": "api.shop:grpc", "api-http": "api.shop:http"}
    assert named("api", "api.bank") == {"api-shop": "api.shop", "api-bank": "api.bank"}


def test_what_cannot_be_parsed_is_left_out() -> None:
    assert named("a b", "emoji") == {"emoji": "emoji.shop"}


def test_variables_are_what_shells_take() -> None:
    assert variable("vote-bot") == "VOTE_BOT"
