import pytest

from agents.launcher.size import size


@pytest.mark.parametrize(
    ("text", "found"), [(7, 7), ("7", 7), ("512Ki", 512 << 10), ("64Mi", 64 << 20), ("1Gi", 1 << 30)]
)
def test_sizes_are_bytes_or_have_a_unit(text: str | int, found: int) -> None:
    assert size(text) == found


@pytest.mark.parametrize("text", ["", "64MB", "64 Mi", "1.5Gi", "-1", "Mi", "64mi", "٣"])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        size(text)
