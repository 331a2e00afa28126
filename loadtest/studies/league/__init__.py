"""The league: libraries, proxies and the lab's own strategies under the same loads and faults, in every world."""
