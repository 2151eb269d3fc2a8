"""Things that predict: the protocol, the built-in methods, the runner."""
