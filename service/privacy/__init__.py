"""Protection of what is kept: sealing it, erasing it on request or by the clock, and holding what must stay."""
