"""`python -m services.complaints`."""

from services.complaints.app import build
from shared.operations.runtime import main

if __name__ == "__main__":
    main(build)
