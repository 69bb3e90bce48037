"""Bytes to parts and back (sans-io): no sockets, clocks, logging or gevent.

`part` is what every reader of HTTP yields. A folder is a protocol: `http1` (`reader` and `writer` are what relays use;
behind the reader stand `message_reader`, `chunks`, a module for each head, and below these `target` and `fields`),
`http2`, `websocket`, `socks`. `client_hello` reads the first message of TLS.
"""
