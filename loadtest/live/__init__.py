"""A native bench that is watched while it runs: a page on loopback draws its charts as they grow.

The page is served by a process of its own with the least priority, which reads the records that the run writes anyway.
The bench tells it the run's folder and its end, and does nothing more.
"""
