"""One module a kind of page: each yields the files of that page, exports first."""
