"""WebSocket (RFC 6455) read beside its relay: frames from bytes, messages from frames, compression (RFC 7692)."""
