"""The window as a whole and who tells whom in it."""
