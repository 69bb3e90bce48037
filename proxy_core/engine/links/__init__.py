"""Connections as blocking verbs: TCP, TLS."""
