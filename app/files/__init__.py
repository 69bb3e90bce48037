"""Captures as files: opening, saving, exporting, what an earlier run left behind."""
