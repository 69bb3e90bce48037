"""What bench.py is made of: tools, origin, contestants, loads, memory, table."""
