"""The folder that a workload runs in: whether there is one. Asked by rules before a start, by supervise at each."""

from pathlib import Path


def exists(folder: Path) -> bool:
    """Tell whether there is such a folder; where nobody can look, there is none."""
    try:
        return folder.is_dir()
    except OSError:  # a name that is too long, or a folder around it that is somebody else's
        return False
