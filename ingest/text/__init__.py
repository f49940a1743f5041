"""Text as it is compared: folded characters, tokens, and where each token stands in the original."""

from ingest.text.fold import Folded, fold
from ingest.text.tokens import Token, token_offsets, token_spans, tokenize

__all__ = ["Folded", "Token", "fold", "token_offsets", "token_spans", "tokenize"]
