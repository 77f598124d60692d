"""Our side of the outside systems: the only modules that speak HTTP outwards."""
