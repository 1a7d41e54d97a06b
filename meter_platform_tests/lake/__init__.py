"""The lake, in a folder and in an object store."""
