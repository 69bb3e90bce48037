"""The list of exchanges: its model over the capture, its painting, its columns."""
