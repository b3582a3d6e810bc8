"""How long tests wait."""

PATIENCE_S = 300.0
"""For what must come, however busy the machine is: a wait ends with what it waits for, only a failure takes so long.
Where two processors do other people's work as well, a program that starts in a second has taken a minute and a half.
"""
