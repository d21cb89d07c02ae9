"""What the services share; each part says in its own docstring what it may know."""
