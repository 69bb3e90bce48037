"""Suites that others wrote, run through Harrier: what each asks for, and what of its result is not as it wants it."""
