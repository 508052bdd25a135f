"""Asking a running control plane; what a person's commands, the screens and a launcher know of it.

gRPC reads its settings when it is first imported, so they stand here: it must neither write to the terminal
that a screen owns, nor hook itself into the processes that a launcher starts.
"""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
