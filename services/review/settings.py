"""review's settings: those of every service."""

from shared.operations.settings import CommonSettings


class Settings(CommonSettings):
    """Nothing of its own."""
