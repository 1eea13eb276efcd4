"""Answers that are given again: `Idempotency-Key` after draft-ietf-httpapi-idempotency-key-header.

`keys` reads the header and fingerprints payloads, `records` says what is kept, `memory` and
`redis` keep it, and `turns` puts it around a route.
"""
