"""Raw forms that people have, each to a RawTable."""
