"""The commands of a developer's day: run, test, package, bench. They need nothing but Python 3.11 to start."""
