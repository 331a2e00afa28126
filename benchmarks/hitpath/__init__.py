"""The cost of a cache hit: the whole service against a bare ASGI app that does one GET through redis-py's own pool.

Both serve the same bytes, from one Redis, under the same server with the same settings, to one generator in a process
of its own. They take turns, in random order, so that a machine that changes its mind disturbs both alike. The figure is
requests per CPU second of the server's process. Other work on the machine hardly moves it; it does move requests per
second.

    from benchmarks.hitpath.comparison import compare_hitpath
    from benchmarks.hitpath.table import print_hitpath

Nothing is imported here: the bare app lives in this package, and what it does not need must not be in its process.
"""
