"""What the control plane's command line refuses, before anything starts."""

from pathlib import Path

import pytest

from meshcore.__main__ import REFUSED, main


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--mesh", "Not a label"], "cannot name a mesh"),
        (["--trust-domain", "no/where"], "cannot be a trust domain"),
        (["--listen", "localhost"], "--listen 'localhost' is no address to dial"),
        (["--listen", "0.0.0.0"], "--listen '0.0.0.0' is no address to dial"),
        (["--listen", "::"], "--listen '::' is no address to dial"),
    ],
    ids=str,
)
def test_a_refusal_is_one_line(
    flags: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--mesh", "demo", "--dir", str(tmp_path / "mesh"), *flags])
    assert left.value.code == REFUSED
    line = capsys.readouterr().err
    assert words in line
    assert line.count("\n") == 1
    assert not (tmp_path / "mesh").exists()
