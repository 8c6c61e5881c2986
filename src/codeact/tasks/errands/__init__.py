"""errands: small worlds of functions that nobody has seen before, made from a seed. See the README beside this file."""
