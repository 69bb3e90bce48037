"""Responses that are a sequence of small messages: server-sent events, and JSON a line at a time."""
