"""The dashboards as code: `python -m grafana.boards` writes them to grafana/dashboards/*.json.

A panel here is Grafana's own JSON, built by a few functions, so that what the editor's "Inspect > Panel JSON" shows can
be copied back as it is.
"""
