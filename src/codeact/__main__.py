"""`python -m codeact` is the command `codeact`."""

from codeact.cli import main

if __name__ == "__main__":
    main()
