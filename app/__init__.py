"""The window. It knows no gevent and no protocol; it reads the capture and talks to `proxy_core.control`."""
