"""An image as it is named: where it comes from, its tag and its digest; pure.

`upgrade` gives the mesh's images another tag, `check` compares tags with versions.
"""


def parts(image: str) -> tuple[str, str, str]:
    """Return an image's name, its tag and its digest, each empty where it has none; a port is no tag."""
    whole, _, digest = image.partition("@")
    folder, slash, last = whole.rpartition("/")
    name, _, tag = last.partition(":")
    return folder + slash + name, tag, digest


def tagged(image: str, tag: str) -> str:
    """Return the image of that tag; a digest would go on naming the image of before."""
    return f"{parts(image)[0]}:{tag}"
