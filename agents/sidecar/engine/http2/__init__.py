"""HTTP/2 without I/O: bytes in, callbacks out, bytes to write taken once per loop turn (RFC 9113, 7541, 8441).

The host's edges call it; nothing in here knows sockets, clocks of its own, exchanges or the mesh.
"""
