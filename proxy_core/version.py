"""The one place that holds Harrier's version."""

VERSION = "0.1.0"
