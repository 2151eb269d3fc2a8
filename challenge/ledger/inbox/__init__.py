"""Files that teams put into a shared folder."""
