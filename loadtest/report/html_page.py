"""A page that needs no network: its style, and the parts that every report is made of."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from loadtest.report.quoting import for_html

INK, FAINT = "#333A42", "#E4E7EA"
FONT = {"family": "system-ui, -apple-system, Segoe UI, sans-serif", "size": 12, "color": INK}
"""Of a figure."""

_STYLE = """
:root { color-scheme: light }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: #333a42; background: #fff;
       max-width: 1760px; margin: 0 auto; padding: 28px 32px 40px }
h1 { font-size: 25px; line-height: 1.25; font-weight: 600; margin: 0 0 6px; color: #14181c }
h2 { font-size: 16px; font-weight: 600; margin: 28px 0 8px; color: #14181c }
p { margin: 0 0 10px; max-width: 110ch; overflow-wrap: anywhere }
.scenario, .legend { color: #5a646e }
.legend { font-size: 13px; margin-top: 10px }
.key { display: flex; flex-wrap: wrap; gap: 4px 26px; font-size: 13px; color: #5a646e; margin: 14px 0 0 }
.key i { display: inline-block; width: 26px; margin-right: 8px; vertical-align: middle; border-top: 0 solid #5a646e;
         print-color-adjust: exact }
.key .reads { height: 11px; background: #c3c8cd; border-top-width: 1px }
.key .peak { border-top: 1px dashed #5a646e }
.key .cold { border-top: 1px dotted #5a646e }
.key .highest { border-top: 1px dotted #9aa2aa }
.key .fault { height: 11px; background: #f6e0e3 }
.missing { color: #b00020; font-weight: 600 }
.key .p99 { border-top-width: 2px }
.key .p50 { border-top: 2px dotted #9aa2aa }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums }
td { white-space: nowrap }
th, td { padding: 5px 11px; text-align: right; border-bottom: 1px solid #e4e7ea }
thead th { font-weight: 500; font-size: 13px; line-height: 1.25; color: #5a646e; vertical-align: bottom;
           border-bottom: 1px solid #9aa2aa }
th:first-child { text-align: left; padding-left: 18px; text-indent: -18px }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 7em }
.chip { display: inline-block; width: 10px; height: 10px; margin-right: 8px; border-radius: 2px;
        print-color-adjust: exact }
.bad td, .bad em { color: #b00020 }
.bad em { font-style: normal; font-weight: 500; font-size: 12px }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 0; font-size: 13px; color: #5a646e }
dd { margin: 0; overflow-wrap: anywhere }
@media (max-width: 1200px) { body { padding: 20px } th, td { padding: 4px 6px }
                             table { font-size: 13px }
                             thead th { font-size: 12px } }
@media print { @page { size: A4 landscape; margin: 10mm } body { padding: 0; max-width: none }
               h2, table, dl { break-inside: avoid } .wide { overflow: visible } }
"""


class Line(NamedTuple):
    """Of a table."""

    head: str  # as HTML
    cells: Sequence[str]  # as text
    valid: bool = True


def document(title: str, body: str) -> str:
    """The whole page; `body` is HTML."""
    text = for_html
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{text(title)}</title><style>{_STYLE}</style></head><body>
<h1>{text(title)}</h1>
{body}
</body></html>
"""


def embedded(figure: Any) -> str:
    """A plotly figure, with all the script that it needs."""
    settings = {"displaylogo": False, "responsive": True, "displayModeBar": False}
    drawn: str = figure.to_html(settings, full_html=False, include_plotlyjs=True, div_id="chart")
    return drawn


def table(headings: Sequence[str], lines: Sequence[Line]) -> str:
    """The first column holds names, the others numbers."""
    head = "".join(f'<th scope="col">{for_html(heading)}</th>' for heading in headings)
    body = []
    for line in lines:
        cells = "".join(f"<td>{for_html(cell)}</td>" for cell in line.cells)
        body.append(f'<tr{"" if line.valid else " class=bad"}><th scope="row">{line.head}</th>{cells}</tr>')
    inner = f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="wide"><table>{inner}</table></div>'


def listed(heading: str, texts: Sequence[str]) -> str:
    """A list under its heading; nothing where there is nothing to say."""
    items = "".join(f"<li>{for_html(text)}</li>" for text in texts)
    return f"<h2>{for_html(heading)}</h2><ul>{items}</ul>" if texts else ""


def stamped(stamp: Sequence[tuple[str, str]]) -> str:
    """What it takes to run this again."""
    text = for_html
    known = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in stamp)
    return f"<h2>This run</h2>\n<dl>{known}</dl>"
