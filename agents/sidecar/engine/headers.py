"""Header names that belong to the mesh: `meshtui-…`, set by sidecars alone and taken out of what anybody else says.

Applications read who called from `meshtui-client-id` and why there was no answer of a server from `meshtui-error`; both
are worth something only because nobody can forge them. engine/head and engine/http2 find the names, the hosts set them.
"""

import re
from typing import Final

from agents.sidecar.state.peers import Peer

CLIENT_HEADER: Final = b"meshtui-client-id"  # a request's: the client's SPIFFE ID, as TLS has proven it
ERROR_HEADER: Final = b"meshtui-error"  # an answer's: why it is a sidecar's own

# Many applications see names as CGI does (RFC 3875, 4.1.18), where `-` and `_`, and with some servers any other mark,
# are the same: `meshtui_client_id` would be read as ours. The class is of field-name characters.
RESERVED: Final = rb"meshtui[^0-9A-Za-z:][^:]*+"
reserved: Final = re.compile(RESERVED, re.IGNORECASE).match


def client_line(client: Peer) -> bytes:
    """Return the HTTP/1 line that names a client to the application; empty for one that has proven nothing."""
    return CLIENT_HEADER + b": " + client.identity.encode() + b"\r\n" if client.identity else b""
