"""The demonstration site's parts: visit (one request), pictures, answers (what works), faults (what doesn't), pages."""
