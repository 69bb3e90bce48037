"""Adapters from the capture to Qt item models."""
