"""Assembly of the control plane: its services on three listeners, what joins them, and its word about itself.

`__main__` starts it. Services are strangers to each other; whatever one needs of another is handed over here, as a
plain callable.
"""
