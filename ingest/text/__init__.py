"""Text as it is compared: folded characters, tokens, and where each token stands in the original."""

from ingest.text.fold import Folded, fold
from ingest.text.tokens import TYPOGRAPHY, Run, canonical_token, read_runs, token_offsets, tokenize

__all__ = ["TYPOGRAPHY", "Folded", "Run", "canonical_token", "fold", "read_runs", "token_offsets", "tokenize"]
