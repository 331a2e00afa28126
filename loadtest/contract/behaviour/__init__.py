"""The behaviour contract of contenders: probes over three pods on one Redis, whose findings refuse nothing."""
