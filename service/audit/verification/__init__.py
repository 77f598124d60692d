"""The verifier: whether a database, or a bundle, is what its log says. It reads, and never writes.

It shares with those who write the record only what the bytes of a leaf are (`service.merkle.leaves`) and how states
advance (`service.states`); roots of trees it computes by itself, so that one mistake does not hide another. What each
check means is told in docs/audit.md.
"""
