"""Tests run against real parts: PostgreSQL, a Kafka broker and HTTP servers; nothing of these is mocked."""
