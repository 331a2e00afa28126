"""The dashboards as code: `python -m grafana.boards` writes them to grafana/dashboards/*.json.

A panel is Grafana's own JSON, built by a few functions. A change made in the editor can be copied back from its
"Inspect > Panel JSON".
"""
