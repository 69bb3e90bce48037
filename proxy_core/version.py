"""The one place that holds Harrier's version."""

VERSION = "0.4.0"
