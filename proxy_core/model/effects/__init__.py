"""What rules do: one effect is a file here (its data), one in `engine.acting` (its deed), and a line in each table."""
