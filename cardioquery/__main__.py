"""`python -m cardioquery`: the command."""

from cardioquery.cli import main

if __name__ == "__main__":
    main()
