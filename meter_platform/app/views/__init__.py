"""The app's pages: each file is one. Streamlit runs it anew whenever a visitor opens the page or changes something.

What belongs here: what a page shows, a picture before a table, in functions of which `main` calls the others. What never
does: SQL, and what pages share (`app/`).
"""
