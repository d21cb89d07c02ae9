"""The five services, each with the same files; see the card in each package."""
