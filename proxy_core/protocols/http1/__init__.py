"""HTTP/1.1 (RFC 9112), bytes to parts and back; nothing here reads or writes a socket."""
