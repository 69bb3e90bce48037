"""HTTP/2 (RFC 9113), sans-io: the engine uses `connection`, with the events of `event` and the heads of `head`.

Behind it stand `sending` (what we say, and how much of it the peer has room for), `control` (settings, windows,
resets), `validation` with `field_section` (is this list of fields a message), `hpack` with `field_block` (fields to
bytes and back), `stream`, `flow` and `flood` (what is kept of a stream, a window and a peer's manners), `limits`, and
`frame` (the numbers of the wire).
"""
