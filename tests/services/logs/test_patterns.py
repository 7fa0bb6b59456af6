from __future__ import annotations

import time

import pytest

from cloudlet.aws.errors import AWSError
from cloudlet.services.logs.patterns import compile_pattern

ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
EVENT = (
    '{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","other"],'
    '"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"ThisFlag":true,'
    '"n":25.5,"text":"7"}'
)


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("ERROR", "error", False),
        ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", True),
        ("ERROR ARGUMENTS", "[ERROR 401] UNAUTHORIZED", False),
        ("?ERROR ?ARGUMENTS", "[ERROR 401] UNAUTHORIZED", True),
        ("?ERROR ?ARGUMENTS", "fine", False),
        ('"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", True),
        ('"INTERNAL SERVER ERROR"', "INTERNAL ERROR SERVER", False),
        ("ERROR -ARGUMENTS", "[ERROR 401] UNAUTHORIZED", True),
        ("ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", False),
        ('-"two words"', "two words", False),
        ('"a \\"quoted\\" word"', 'a "quoted" word', True),
        ("%AUTHORI[SZ]ED%", "[ERROR 401] UNAUTHORIZED", True),
        ("%^\\[ERROR \\d{3}\\]%", "[ERROR 401] UNAUTHORIZED", True),
        ("%^ERROR%", "[ERROR 401] UNAUTHORIZED", False),
        ("{ $.eventType = %^Update|Create% }", EVENT, True),
        ("{ $.eventType != %Trail$% }", EVENT, False),
        ("[..., status = %4\\d\\d%, size]", ACCESS, True),
        ('{ $.eventType = "UpdateTrail" }', EVENT, True),
        ("{ $.eventType = UpdateTrail }", EVENT, True),
        ('{ $.eventType = "Update*" }', EVENT, True),
        ('{ $.eventType = "*Tr*il" }', EVENT, True),
        ('{ $.eventType = "update*" }', EVENT, False),
        ("{ $.sourceIPAddress != 123.123.* }", EVENT, True),
        ("{ $.sourceIPAddress = 111.111.* }", EVENT, True),
        ('{ $.arrayKey[0] = "value" }', EVENT, True),
        ('{ $.arrayKey[*] = "other" }', EVENT, True),
        ('{ $.arrayKey[7] = "other" }', EVENT, False),
        ("{ $.objectList[1].id = 2 }", EVENT, True),
        ("{ $.SomeObject IS NULL }", EVENT, True),
        ("{ $.SomeOtherObject NOT EXISTS }", EVENT, True),
        ("{ $.SomeObject NOT EXISTS }", EVENT, False),
        ("{ $.ThisFlag IS TRUE }", EVENT, True),
        ("{ $.ThisFlag IS FALSE }", EVENT, False),
        ("{ $.n > 25 && $.n <= 25.5 }", EVENT, True),
        ("{ $.text = 7 }", EVENT, True),
        ("{ ($.n < 1 || $.ThisFlag IS TRUE) && $.eventType = UpdateTrail }", EVENT, True),
        ("{ $.n < 1 || ($.ThisFlag IS FALSE && $.n > 1) }", EVENT, False),
        ("{ $.n > 1 }", "no JSON", False),
        ("{ $.n > 1 }", '{"n": ', False),
        ("[ip, id, user, time, request, status, size]", ACCESS, True),
        ("[ip, id, user, time, request, status]", ACCESS, False),
        ("[..., status = 4*, size > 1000]", ACCESS, True),
        ("[..., status = 4*, size < 1000]", ACCESS, False),
        ("[ip = 127.*, ...]", ACCESS, True),
        ("[ip, ..., status = 404 || status = 410, size]", ACCESS, True),
        ("[w1 = INFO || w1 = WARN, w2]", "WARN me", True),
        ('[ip, id, user, time, request = "GET *", ...]', ACCESS, True),
    ],
)
def test_patterns_match_as_documented(pattern: str, message: str, matches: bool):
    assert compile_pattern(pattern)(message) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.a }", "{ $.a = }", "{ $.a = 1", "{ a = 1 }", "{ $.a = 1 } x", "{}", "[", "[a",
        "[a,,b]", "[..., a, ...]", '"open', "%(a)%", "{ $.a = %(% }", "{ " + "(" * 1000 + "$.a = 1",
        "{ $.a > text }", "{ $.a IS MAYBE }",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(pattern: str):
    with pytest.raises(AWSError) as refused:
        compile_pattern(pattern)
    assert refused.value.code == "InvalidParameterException"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ('{ $.a = "' + "*a" * 400 + '" }', '{"a":"' + "a" * 200_000 + 'b"}'),
        ("[" + ",".join("a" for _ in range(400)) + "]", '"' * 200_000),
        ("[a, b]", "[" * 200_000),
        ("[a, b]", "[ " * 100_000),
        ("{ $.a = 1 }", '{"a":' * 50_000),
        ("a " * 500, "b" * 200_000),
        ("%a*a*a*a*a*a*b%", "a" * 100_000),
    ],
)
def test_a_hostile_pattern_takes_little_time(pattern: str, message: str):
    started = time.perf_counter()
    assert compile_pattern(pattern)(message) is False
    assert time.perf_counter() - started < 1.0
