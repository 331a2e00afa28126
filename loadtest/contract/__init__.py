"""The contract of a strategy: promises that every file in app/strategies/ is held to, in virtual time.

`lab try` runs it with pytest from wherever the lab is installed, and `make test` runs it for every strategy.
"""

PROMISE_S_MAX = 10.0
"""The time limit of one promise; a whole contract takes a second or two."""
BLOCKED = "blocked.txt"
"""The file with the stacks of a strategy that blocked its process beyond `PROMISE_S_MAX`."""
PROMISES = ("promises.py", "promises_under_faults.py")
"""The files with the promises, the plainest first, so that a mistake is explained by the plainest one it breaks."""
