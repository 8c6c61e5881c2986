"""ScienceWorld: school experiments in a simulated house."""
