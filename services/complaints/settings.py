"""complaints' settings: those of every service that makes tracking codes."""

from shared.operations.settings import SecretKeepingSettings


class Settings(SecretKeepingSettings):
    """Nothing of its own."""
