package cloudlet.lambda;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON text to and from maps, lists, strings, numbers, booleans and null. */
final class Json {
    private static final int MAX_DEPTH = 1000;

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    static Object parse(byte[] bytes) {
        Json json = new Json(new String(bytes, StandardCharsets.UTF_8));
        Object value = json.value();
        json.space();
        if (json.at < json.text.length()) {
            throw json.unexpected();
        }
        return value;
    }

    // --- reading ------------------------------------------------------------------------------

    private Object value() {
        space();
        if (at >= text.length()) {
            throw new IllegalArgumentException("Unexpected end-of-input");
        }
        char c = text.charAt(at);
        switch (c) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                if (c == '-' || (c >= '0' && c <= '9')) {
                    return number();
                }
                throw unexpected();
        }
    }

    private Map<String, Object> object() {
        Map<String, Object> found = new LinkedHashMap<>();
        enter();
        if (!ends('}')) {
            do {
                space();
                if (at >= text.length() || text.charAt(at) != '"') {
                    throw unexpected();
                }
                String name = string();
                space();
                expect(':');
                found.put(name, value());
            } while (more('}'));
        }
        depth--;
        return found;
    }

    private List<Object> array() {
        List<Object> found = new ArrayList<>();
        enter();
        if (!ends(']')) {
            do {
                found.add(value());
            } while (more(']'));
        }
        depth--;
        return found;
    }

    private void enter() {
        at++;
        if (++depth > MAX_DEPTH) {
            throw new IllegalArgumentException("Document nesting depth exceeds " + MAX_DEPTH);
        }
    }

    private boolean ends(char close) {
        space();
        if (at < text.length() && text.charAt(at) == close) {
            at++;
            return true;
        }
        return false;
    }

    private boolean more(char close) {
        if (ends(close)) {
            return false;
        }
        expect(',');
        return true;
    }

    private String string() {
        int start = ++at;
        StringBuilder built = null;
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '"') {
                String tail = text.substring(start, at++);
                return built == null ? tail : built.append(tail).toString();
            }
            if (c == '\\') {
                if (built == null) {
                    built = new StringBuilder();
                }
                built.append(text, start, at);
                at++;
                built.append(escaped());
                start = at;
            } else if (c < ' ') {
                throw unexpected();
            } else {
                at++;
            }
        }
        throw new IllegalArgumentException("Unexpected end-of-input in a string");
    }

    private char escaped() {
        if (at >= text.length()) {
            throw new IllegalArgumentException("Unexpected end-of-input in a string");
        }
        char c = text.charAt(at++);
        switch (c) {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'u':
                if (at + 4 > text.length()) {
                    throw new IllegalArgumentException("Unexpected end-of-input in a string");
                }
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 4, at), 16);
            case '"':
            case '\\':
            case '/':
                return c;
            default:
                at--;
                throw unexpected();
        }
    }

    private Number number() {
        int start = at;
        boolean whole = true;
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '.' || c == 'e' || c == 'E') {
                whole = false;
            } else if (c != '-' && c != '+' && (c < '0' || c > '9')) {
                break;
            }
            at++;
        }
        String digits = text.substring(start, at);
        if (!whole) {
            return new Decimal(digits);
        }
        if (digits.length() < 10) {
            return Integer.valueOf(digits);
        }
        BigInteger big = new BigInteger(digits);
        if (big.bitLength() < 32) {
            return big.intValue();
        }
        if (big.bitLength() < 64) {
            return big.longValue();
        }
        return big;
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw unexpected();
        }
        at += word.length();
        return value;
    }

    private void expect(char c) {
        if (at >= text.length() || text.charAt(at) != c) {
            throw unexpected();
        }
        at++;
    }

    private void space() {
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
                return;
            }
            at++;
        }
    }

    private IllegalArgumentException unexpected() {
        if (at >= text.length()) {
            return new IllegalArgumentException("Unexpected end-of-input");
        }
        return new IllegalArgumentException(
                "Unexpected character ('" + text.charAt(at) + "') at position " + at);
    }

    /** A number with a fraction or an exponent: a double that remembers its digits. */
    static final class Decimal extends Number {
        private static final long serialVersionUID = 1;
        private final String digits;

        Decimal(String digits) {
            this.digits = digits;
            Double.parseDouble(digits);
        }

        BigDecimal exact() {
            return new BigDecimal(digits);
        }

        @Override
        public int intValue() {
            return (int) doubleValue();
        }

        @Override
        public long longValue() {
            return (long) doubleValue();
        }

        @Override
        public float floatValue() {
            return Float.parseFloat(digits);
        }

        @Override
        public double doubleValue() {
            return Double.parseDouble(digits);
        }

        @Override
        public String toString() {
            return digits;
        }
    }

    // --- writing ------------------------------------------------------------------------------

    /** Text of JSON, built up. */
    static final class Writer {
        private final StringBuilder out = new StringBuilder(256);

        byte[] bytes() {
            return out.toString().getBytes(StandardCharsets.UTF_8);
        }

        Writer raw(char c) {
            out.append(c);
            return this;
        }

        Writer raw(String text) {
            out.append(text);
            return this;
        }

        Writer name(String name, boolean first) {
            if (!first) {
                out.append(',');
            }
            return string(name).raw(':');
        }

        Writer string(String text) {
            out.append('"');
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c == '"' || c == '\\') {
                    out.append('\\').append(c);
                } else if (c == '\n') {
                    out.append("\\n");
                } else if (c == '\t') {
                    out.append("\\t");
                } else if (c == '\r') {
                    out.append("\\r");
                } else if (c < ' ' || Character.isSurrogate(c)) {
                    out.append(String.format("\\u%04x", (int) c));
                } else {
                    out.append(c);
                }
            }
            out.append('"');
            return this;
        }
    }
}
