"""The style rules a program can check: names, first words of docstrings and comments, lengths of modules and functions.

``counting`` finds violations in one source text, ``limits`` holds the bounds and the listed exceptions,
``test_limits`` fails where the repository exceeds them. ``python -m tests.style`` lists every finding.
"""
