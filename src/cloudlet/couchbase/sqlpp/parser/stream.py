"""The parser's view of the tokens: look, take, expect."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors, lexer
from cloudlet.couchbase.sqlpp.lexer import RESERVED, Kind, Token
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.tree import Position


class Stream:
    """Tokens with a cursor. `word` and `symbol` take a token only where it matches."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = lexer.tokenize(text)
        self.at = 0
        self.token = self.tokens[0]
        self._unnamed_parameters = 0
        # Where positions were counted up to: counting from the start each time would make long
        # statements quadratic.
        self._counted, self._line, self._line_start = 0, 1, 0

    def advance(self) -> Token:
        """Take the current token."""
        token = self.token
        if self.at % 16 == 0:
            pause()
        if token.kind is not Kind.END:
            self.at += 1
            self.token = self.tokens[self.at]
        return token

    def rewind(self, at: int) -> None:
        """Go back to a place remembered from `at`."""
        self.at = at
        self.token = self.tokens[at]

    def ahead(self, count: int = 1) -> Token:
        """The token `count` places on."""
        return self.tokens[min(self.at + count, len(self.tokens) - 1)]

    def is_word(self, *words: str) -> bool:
        """Whether the current token is one of these keywords."""
        return self.token.kind is Kind.WORD and self.token.upper in words

    def is_symbol(self, *symbols: str) -> bool:
        """Whether the current token is one of these symbols."""
        return self.token.kind is Kind.SYMBOL and self.token.upper in symbols

    def word(self, *words: str) -> bool:
        """Take these keywords, all of them in a row, or nothing."""
        for offset, word in enumerate(words):
            token = self.ahead(offset)
            if token.kind is not Kind.WORD or token.upper != word:
                return False
        for _ in words:
            self.advance()
        return True

    def symbol(self, symbol: str) -> bool:
        """Take this symbol or nothing."""
        if self.token.kind is Kind.SYMBOL and self.token.upper == symbol:
            self.advance()
            return True
        return False

    def expect_word(self, *words: str) -> None:
        """Take these keywords or fail at the first that is not there."""
        for word in words:
            if not self.word(word):
                raise self.unexpected()

    def expect_symbol(self, symbol: str) -> None:
        """Take this symbol or fail."""
        if not self.symbol(symbol):
            raise self.unexpected()

    def expect_end(self) -> None:
        """Fail unless the whole text is taken."""
        if self.token.kind is not Kind.END:
            raise self.unexpected()

    def is_identifier(self) -> bool:
        """Whether the current token can be a name: in backticks or not reserved."""
        kind = self.token.kind
        return kind is Kind.QUOTED or (kind is Kind.WORD and self.token.upper not in RESERVED)

    def identifier(self) -> str:
        """Take a name or fail."""
        if not self.is_identifier():
            raise self.unexpected()
        return str(self.advance().value)

    def position(self) -> Position:
        """Line and column of the current token."""
        start = self.token.start
        if start < self._counted:
            return lexer.position(self.text, start)
        lines = self.text.count("\n", self._counted, start)
        if lines:
            self._line += lines
            self._line_start = self.text.rfind("\n", self._counted, start) + 1
        self._counted = start
        return self._line, start - self._line_start + 1

    def next_unnamed_parameter(self) -> int:
        """The position of the next `?`."""
        self._unnamed_parameters += 1
        return self._unnamed_parameters

    def unexpected(self) -> errors.QueryError:
        """3000 at the current token."""
        return lexer.unexpected(self.text, self.token)

    def taken(self, start: int) -> str:
        """The text from the token at index `start` up to the last one taken."""
        return self.text[self.tokens[start].start : self.tokens[max(start, self.at - 1)].end]
