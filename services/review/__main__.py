"""`python -m services.review`."""

from services.review.app import build
from shared.operations.runtime import main

if __name__ == "__main__":
    main(build)
