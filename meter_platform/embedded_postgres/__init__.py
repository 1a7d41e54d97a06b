"""A Postgres server of our own: its programs found, its cluster made, started when needed, stopped on request.

What belongs here: everything about one server on this machine, from `initdb` to the last process: who it runs as, where its
files are, how it is configured, which processes are its own. `server.py` has what callers use.

What never belongs here: what is stored in it. No table, no meter, no setting of the platform is known here; a caller hands
in the home and the programs, and the names that are the platform's stand in `names.py`. Of the platform it imports the
tree of errors and how a connection is opened, so that it could be a package of its own.
"""
