"""One run becomes files and a table on the screen; many runs become a comparison."""
