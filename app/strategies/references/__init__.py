"""References: strategies that show what none can leave. They are served only with `LAB_REFERENCES`, and never live."""
