"""From an accepted socket to what is spoken on it."""
