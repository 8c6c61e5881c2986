"""m3gen: tasks of eight domains made from a seed, as hard as a dial says. See the README beside this file."""
