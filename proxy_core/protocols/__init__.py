"""Bytes to parts and back (sans-io): no sockets, clocks, logging or gevent.

`http1_reader` and `http1_writer` are what relays use, with the parts of `http1_parts`. Behind the reader stand
`http1_message_reader` (bytes that wait, bodies), `http1_chunks`, `http1_request_head` and `http1_response_head` (one
head each), and below these `http1_target` (where to) and `http1_fields` (the grammar of field lines). `client_hello`
reads the first message of TLS.
"""
