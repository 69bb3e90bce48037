"""What builds and checks the program."""
