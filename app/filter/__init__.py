"""The filter bar and what it understands."""
