"""The record over HTTP, in the shape of the provider's own API: reading only. See docs/api.md."""
