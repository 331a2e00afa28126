"""One file per strategy. A file dropped in here is a route, a label and a row in every report."""
