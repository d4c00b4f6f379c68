"""Its place is what counts: pytest puts this folder on the path, so that the tests below find the drawings."""
