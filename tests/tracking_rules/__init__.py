"""Make ``ingest/urls/tracking_rules.txt`` anew from a folder with the public lists (``./run tracking-rules``).

sources    the lists: where they come from, their licences, and how each is read
compile    their rules as one text
__main__   the command
"""
