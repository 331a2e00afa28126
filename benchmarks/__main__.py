"""`python -m benchmarks`, from the root of a checkout. Exit codes as of `lab`."""

from loadtest.cli.lazy import lazy_app

app = lazy_app(
    "How fast the lab is here, and the README's measured blocks.",
    {
        "simspeed": "benchmarks.cli.simspeed:simspeed",
        "loadlimit": "benchmarks.cli.loadlimit:loadlimit",
        "hitpath": "benchmarks.cli.hitpath:hitpath",
        "seams": "benchmarks.cli.seams:seams",
        "readme": "benchmarks.cli.readme:readme",
    },
    tables={"simspeed", "loadlimit", "hitpath", "seams"},
)

if __name__ == "__main__":
    app()
