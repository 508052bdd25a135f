"""The command line: one file per verb; every screen's data is also a verb with `-o table|wide|json|yaml`."""
