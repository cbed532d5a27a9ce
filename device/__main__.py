"""``python -m device`` is ``smartstore``."""

from device.cli import main

if __name__ == "__main__":
    main()
