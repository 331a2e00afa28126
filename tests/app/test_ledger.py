from app.ledger import AskedRead, Ledger
from app.strategy import LoadReason


def _read(number: int) -> AskedRead:
    return AskedRead(number, str(number), "any", "pod", LoadReason.MISS, number, number)


def test_pages_hold_every_read_once() -> None:
    ledger, seen, after = Ledger(100), [], 0
    for number in range(10):
        ledger.write(_read(number))
    while True:
        page = ledger.page(after, rows_max=3)
        seen += [row.key for row in page["rows"]]
        after = page["next"]
        if after == page["written"]:
            break
    assert seen == [str(number) for number in range(10)]
    assert ledger.page(after)["rows"] == []


def test_what_did_not_fit_is_counted() -> None:
    ledger = Ledger(4)
    for number in range(10):
        ledger.write(_read(number))
    page = ledger.page(0)
    assert [row.key for row in page["rows"]] == ["6", "7", "8", "9"]
    assert page["dropped"] == 6
    assert ledger.page(8)["dropped"] == 0
