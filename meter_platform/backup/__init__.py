"""Backups: taking them, keeping as many as are wanted, restoring them, and proving that they can be restored.

What belongs here: the folder of backups (`folder.py`, `manifest.py`), the two kinds (`dump.py`: each database written out;
`base.py`: the files of a whole server), running Postgres's own programs for it (`client.py`), what a database holds in
numbers (`contents.py`), restoring (`restore.py`, `recovery.py`) and the drill (`drill.py`). What never does: Dagster, the
meaning of a table, the schedule of a site, and any format of our own: a backup can be restored by Postgres's programs
alone.
"""
