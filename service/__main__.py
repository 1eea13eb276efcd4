"""`python -m service`: serve with the settings of the environment."""

from service.server import main

if __name__ == "__main__":
    main()
