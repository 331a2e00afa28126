"""A workload as data: scenarios, traffic, arrivals, faults, gates and the plan of the runs."""
