"""What differs between kinds of task, one module a kind."""
