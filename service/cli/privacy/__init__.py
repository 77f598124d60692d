"""The commands that protect what is kept: erase, retention, hold."""
