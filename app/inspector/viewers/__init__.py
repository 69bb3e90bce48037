"""The views of bodies: one file for each, and `table` lists them."""
