"""Pure data that every process shares: exchanges, events, failures, settings. No sockets, no clocks, no Qt."""
