"""What the inspector shows, computed without Qt: facts, lines of text, bodies taken apart."""
