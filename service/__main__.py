"""`python -m service`: serve with the settings of the environment."""

from service.processes.server import main

if __name__ == "__main__":
    main()
