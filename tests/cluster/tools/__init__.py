"""The programs of the test cluster: their pinned Go sources, the build (`make cluster-tools`), and where they are."""
