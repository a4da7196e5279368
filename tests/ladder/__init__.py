"""`make trace N`: a chapter's system calls and its client's, as a ladder."""
