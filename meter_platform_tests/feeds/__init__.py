"""Tests of the sources: rows, documents, files, reading files and the reference database."""
