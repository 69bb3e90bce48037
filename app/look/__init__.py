"""How the window looks: theme, icons, bars that tell something."""
