"""Harrier's engine, without a window: it knows no Qt and nothing of `app`.

model → protocols | formats | capture → engine → worker_entry → supervisor, recorder → control; imports go one way.
"""
