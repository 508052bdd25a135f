"""`python -m meshtui`, and the console script."""

from meshtui.cli.main import main

if __name__ == "__main__":
    main()
