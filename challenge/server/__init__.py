"""The calls of the command line over HTTP: no rules of its own (extra `server`)."""
