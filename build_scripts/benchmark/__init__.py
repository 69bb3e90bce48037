"""What bench.py is made of: tools, origins, contestants, loads and loaders, memory, idle connections, table."""
