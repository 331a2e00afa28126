"""The strategies, one file each. A file here is a route, a label and a row in every report."""
