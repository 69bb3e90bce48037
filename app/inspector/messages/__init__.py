"""The messages of a connection that stays, live: a list with a filter, and the one that is chosen beneath it."""
