"""SOCKS 4, 4a and 5 as a proxy reads them: `request` says what is asked, `socks4` and `socks5` read it and reply."""
