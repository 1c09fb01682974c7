"""A protocol as small as can be: lines of ASCII. It shows what a new protocol has to write.

Requests `who`, `read`, `drive V ...`, `on MS`, `off`, `clear`; each line ends with the sum of its
characters and a line feed. Its fault bits are not those of protocol `mcu`: its 1 is an overload,
which there is the watchdog.
"""
