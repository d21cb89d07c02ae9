"""`python -m services.provisioning`."""

from services.provisioning.app import build
from shared.operations.runtime import main

if __name__ == "__main__":
    main(build)
