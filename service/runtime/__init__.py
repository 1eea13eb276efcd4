"""Everything that answers requests, put together once at the start, and its exchange."""
