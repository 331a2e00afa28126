"""The other pods: which of them a key belongs to, and how one of them is asked to load it; see `app.peers.peers`."""
