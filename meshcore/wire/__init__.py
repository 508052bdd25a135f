"""What crosses a process boundary.

The stubs here stand on protobuf's compiled half. The other half, a whole implementation in Python, is loaded by
protobuf all the same, and would be a tenth of what an idle sidecar keeps to itself: it waits until somebody uses it.
So do texts of messages.
"""

from meshcore.postpone import postpone

postpone(
    "google.protobuf.internal.python_message", "google.protobuf.descriptor_database", "google.protobuf.text_encoding"
)
