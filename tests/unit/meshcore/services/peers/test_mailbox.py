"""News that waits for a replica: in order, in batches, and not without end."""

from meshcore.services.peers.mailbox import Mailbox
from meshcore.wire.peers_pb2 import Happening


def news(number: int, size: int = 100) -> Happening:
    return Happening(counted=bytes([number]) * size)


def test_it_comes_out_in_order_and_in_batches() -> None:
    mailbox = Mailbox(batch=250)
    for number in range(5):
        mailbox.put(news(number))
    batches = [[one.counted[0] for one in batch] for batch in iter(mailbox.take, [])]
    assert batches == [[0, 1, 2], [3, 4]]
    assert not mailbox.news.is_set()
    mailbox.put(news(9))
    assert mailbox.news.is_set()


def test_one_that_is_not_read_is_full_for_good() -> None:
    mailbox = Mailbox(most=1000)
    for number in range(9):
        mailbox.put(news(number))
        assert not mailbox.full
    mailbox.put(news(10))
    assert mailbox.full
    assert mailbox.take() == []
    mailbox.put(news(11, 1))
    assert mailbox.take() == []
    assert mailbox.news.is_set()  # whoever waits for news is to notice


def test_what_was_read_makes_room() -> None:
    mailbox = Mailbox(most=1000)
    for number in range(100):
        mailbox.put(news(number))
        assert mailbox.take()
    assert not mailbox.full
