"""Results in the forms that others read: one file a form, and the command's entry."""
