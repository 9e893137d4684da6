"""``python -m storekeeper`` is the ``storekeeper`` command."""

from storekeeper.cli import main

if __name__ == "__main__":
    main()
