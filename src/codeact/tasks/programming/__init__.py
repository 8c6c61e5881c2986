"""Programs to be written: generated problems, MBPP and APPS. See the README beside this file."""
