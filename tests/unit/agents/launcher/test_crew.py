"""What a launcher keeps doing whatever becomes of the disk."""

import io
import os
from pathlib import Path

from agents.launcher.announce import Announcer
from agents.launcher.crew import Crew
from agents.launcher.ending import Ending
from meshcore.client.place import Place
from tests.support.wait import until


async def test_a_full_disk_is_told_once_and_the_state_is_written_when_there_is_room(tmp_path: Path) -> None:
    draft = tmp_path / f"launcher.{os.getpid()}.tmp"
    draft.symlink_to("/dev/full")
    said = io.StringIO()
    file = tmp_path / "launcher.json"
    crew = Crew(Place("m", tmp_path), "mesh.yaml", file, Announcer(said))
    try:
        crew._changed.set()
        await until(lambda: "No space left on device" in said.getvalue())
        crew._changed.set()
        await until(lambda: not crew._changed.is_set())
        assert said.getvalue().count("No space left") == 1
        draft.unlink()
        crew._changed.set()
        await until(file.exists)
    finally:
        await crew.stop(Ending())
    assert not file.exists()
