"""An advice as JSON can hold it."""

import json
import math

from loadtest.studies.advise.advice import BreakEven


def test_a_range_that_has_no_end_is_none_there_where_the_pool_is_not_known() -> None:
    told = BreakEven("pool", None, (1.0, math.inf), "a", "", "The pool is not known.").as_dict()
    assert json.loads(json.dumps(told, allow_nan=False))["tried"] == [1.0, None]
