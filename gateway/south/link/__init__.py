"""Links: the way bytes take to a line. Nothing here knows a protocol."""
