"""How any Postgres is spoken to, whichever driver speaks: URLs, opening a connection, what a refusal means.

What belongs here: what holds for every server and every database: `connecting.py` opens connections and waits where a server
restarts, `urls.py` takes URLs apart, `refusals.py` turns a server's refusals into errors of the platform, `session_name.py`
says what a process's sessions are called. What never does: which server is used, a table, a setting, SQL that is about data.
"""
