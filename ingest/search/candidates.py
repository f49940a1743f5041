"""The condition that every match of a query fulfils and that an inverted index decides without positions.

A phrase needs the positions in each vector that has its words. Candidates have the words; a later step reads vectors.
"""

from __future__ import annotations

from ingest.search.nodes import AllOf, AnyOf, Node, Phrase, Without


def has_positions(node: Node) -> bool:
    """Return whether a match depends on the positions of words."""
    match node:
        case Phrase(steps=steps):
            return len(steps) > 1
        case AnyOf(nodes=nodes) | AllOf(nodes=nodes):
            return any(map(has_positions, nodes))
        case Without(node=inner):
            return has_positions(inner)


def without_positions(node: Node) -> Node | None:
    """Return the condition on words alone; None where every text fulfils it."""
    match node:
        case Phrase(steps=steps):
            words = tuple(Phrase(steps=(step,)) for step in steps)
            return words[0] if len(words) == 1 else AllOf(nodes=words)
        case AllOf(nodes=nodes):
            parts = tuple(part for part in map(without_positions, nodes) if part is not None)
            return AllOf(nodes=parts) if parts else None
        case AnyOf(nodes=nodes):
            alternatives = tuple(map(without_positions, nodes))
            present = tuple(part for part in alternatives if part is not None)
            return AnyOf(nodes=present) if len(present) == len(alternatives) else None
        case Without(node=inner):
            # A text may have the words of an excluded phrase, apart from each other.
            return None if has_positions(inner) else node
