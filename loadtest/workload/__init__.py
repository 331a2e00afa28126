"""What is asked for, as data: scenarios, traffic, arrivals, faults and the plan of the runs."""
