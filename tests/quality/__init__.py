"""Quality of results: ``./run quality [SUBJECT…]`` measures how often the product is right, subject by subject.

A module of this package that defines ``SUBJECT`` is a subject of the command, under the module's name.
"""
