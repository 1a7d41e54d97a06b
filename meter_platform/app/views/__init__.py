"""The app's pages: each file is one, and runs from top to bottom at every look.

What belongs here: what a page shows, a picture before a table. What does not: SQL, and what pages share (`app/`).
"""
