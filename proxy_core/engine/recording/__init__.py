"""What a worker knows of its exchanges, on its way to journal and queue."""
