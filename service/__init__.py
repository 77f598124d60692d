"""Copydesk: a self-hosted event processor for Commerce Layer order factories."""
