"""From episodes of one machine to the numbers, or the simulated worlds, that explain them."""
