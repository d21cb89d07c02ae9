"""HTTP in: the API, and the pages (bare for now)."""
