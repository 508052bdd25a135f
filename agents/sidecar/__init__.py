"""The sidecar: a data plane with what feeds it.

asyncio, logging and protobuf load these at their start, and hardly ever use them. Of that is made what an idle sidecar
keeps to itself (`make bench`: PRIVATE), so they wait until somebody does.
"""

from meshcore.postpone import postpone

postpone("base64", "calendar", "copy", "linecache", "locale", "queue", "textwrap", "tokenize")
