"""Telling people that something is wrong, and that it is over: incidents, messages about them, e-mail and a webhook.

What belongs here: what an incident is, which message about it is due, how it reads, and handing it to a mail server or a
webhook. What never does: finding out what is wrong (`orchestration/automation/incidents/` asks Dagster and the database),
and Dagster.
"""
