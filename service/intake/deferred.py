"""Placeholder until the CLI branch brings the real one."""
def read_deferred(store, door):  # type: ignore
    """Nothing."""
