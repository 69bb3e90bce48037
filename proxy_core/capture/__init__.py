"""The capture on disk: `schema`, `journal` (segments), `writer`, `reader`, `recovery`, `saver`, `filter_sql`."""
