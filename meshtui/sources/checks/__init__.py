"""The checks of a cluster: `gather` asks, the other files judge what it found, `rooms` says which and in what order.

What judges is pure, so that `meshtui check`, the check screen and tests say the same. Imported when somebody checks.
"""
