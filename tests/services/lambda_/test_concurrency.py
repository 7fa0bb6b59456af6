from __future__ import annotations

import pytest

from cloudlet.services.lambda_.concurrency import AccountConcurrency, FunctionConcurrency
from cloudlet.services.lambda_.errors import TooManyRequests


def test_a_reservation_made_while_it_runs_moves_the_count():
    account = AccountConcurrency()
    function = FunctionConcurrency(account)
    function.take()
    function.take()
    assert account.running == 2
    function.reserve(2)
    assert (account.running, account.unreserved) == (0, 998)
    with pytest.raises(TooManyRequests):
        function.take()
    function.give()
    function.reserve(None)
    assert (account.running, account.unreserved) == (1, 1000)
    function.give()
    assert (account.running, function.running) == (0, 0)


def test_a_reservation_is_not_eaten_by_others():
    account = AccountConcurrency(running=900)
    reserved, other = FunctionConcurrency(account), FunctionConcurrency(account)
    reserved.reserve(100)
    with pytest.raises(TooManyRequests):
        other.take()
    reserved.take()
    assert account.running == 900
