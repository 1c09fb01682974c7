"""The device side that all protocols share: a board around a plant, in lockstep or on a pseudo-tty.

`hardware.mock.pty_server` works on POSIX systems alone. The devices stand beside their drivers.
"""
