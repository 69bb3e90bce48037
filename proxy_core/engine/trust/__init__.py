"""Certificates: ours for the client, the upstream's for us, and why one was refused."""
