"""A store tells changes of what is looked at, and nothing else."""

from typing import Any

from meshcore.kube.store import Store


def thing(name: str, version: str, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": version}, **fields}


def test_changes_are_told_once() -> None:
    store: Store[int] = Store(lambda each: int(each["n"]))
    assert store.put(thing("a", "1", n=1)) == ("added", ("shop", "a"), None, 1)
    assert store.put(thing("a", "1", n=2)) is None  # the same version is the same object
    assert store.put(thing("a", "2", n=1, other=9)) is None
    assert store.put(thing("a", "3", n=2)) == ("changed", ("shop", "a"), 1, 2)
    assert store.remove(("shop", "a")) == ("deleted", ("shop", "a"), 2, None)
    assert store.remove(("shop", "a")) is None
    assert store.put(thing("a", "3", n=2)) is not None  # it was forgotten with its version


def test_what_is_not_there_any_more_is_forgotten() -> None:
    store: Store[int] = Store(lambda each: int(each["n"]))
    for name in "abc":
        store.put(thing(name, "1", n=1))
    assert [change[1] for change in store.retain({("shop", "b")})] == [("shop", "a"), ("shop", "c")]
    assert list(store) == [1]
    assert len(store) == 1
    assert store.get("shop", "b") == 1
    assert store.get("shop", "a") is None
