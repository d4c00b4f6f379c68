"""Pure decisions about a pull request: what sort of change it is, who has approved it, and what it waits for."""
