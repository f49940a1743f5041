"""Character encodings of documents: labels, decoders, tolerance and detection."""

from ingest.charsets.decoding import Decoded, decode_document, wide_encoding
from ingest.charsets.labels import encoding_of
from ingest.charsets.pages import decode_page

__all__ = ["Decoded", "decode_document", "decode_page", "encoding_of", "wide_encoding"]
