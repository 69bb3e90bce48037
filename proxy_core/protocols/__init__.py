"""Bytes to parts and back (sans-io): no sockets, clocks, logging or gevent."""
