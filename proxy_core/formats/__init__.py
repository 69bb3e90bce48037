"""What is made for people and files: decoded bodies, rendered text, HAR, snippets."""
