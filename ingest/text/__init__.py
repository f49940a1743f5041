"""Text as it is compared: folded characters, tokens, and where each token stands in the original."""

from ingest.text.fold import Folded, fold
from ingest.text.tokens import TYPOGRAPHY, token_offsets, tokenize

__all__ = ["TYPOGRAPHY", "Folded", "fold", "token_offsets", "tokenize"]
