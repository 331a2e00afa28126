from loadtest.report.marks import explained, marked


def test_a_mistake_and_a_contender_have_a_sign_each_and_a_sentence_says_what_it_means() -> None:
    names = ["static", "half_lock", "cashews_lock"]
    assert [marked(name) for name in names] == ["static", "half_lock ✗", "cashews_lock ◇"]
    assert explained(iter(names)) == [
        "✗: wrong on purpose (app/strategies/wrong/): half_lock",
        "◇: a contender: a library or a proxy as its documentation has it used: cashews_lock",
    ]
    assert explained(["static"]) == []
