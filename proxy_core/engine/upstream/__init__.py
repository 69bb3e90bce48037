"""Finding, making and keeping connections to origins."""
