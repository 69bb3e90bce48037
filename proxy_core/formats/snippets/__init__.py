"""A recorded request in the words of other programs: one file for each format, and `table` lists them."""
