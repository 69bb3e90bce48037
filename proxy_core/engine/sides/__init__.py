"""The two sides of an exchange: what a protocol must do to be relayed, and the protocols that do it."""
