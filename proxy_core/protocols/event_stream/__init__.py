"""Bodies that never end as what comes in them: server-sent events, and JSON texts one after the other."""
