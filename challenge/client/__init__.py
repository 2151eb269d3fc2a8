"""A participant's side of `challenge serve`: sign in, download, hand in; needs the public data."""
