package cloudlet.lambda;

import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.Calendar;
import java.util.Date;
import java.util.Map;
import java.util.Optional;

/** Writes what a handler returns; members of beans that are null are left out. */
final class Printer {
    private static final int MAX_DEPTH = 1000;

    private Printer() {}

    static byte[] print(Object value) {
        Json.Writer out = new Json.Writer();
        try {
            write(value, out, 0);
        } catch (InvocationTargetException e) {
            throw new IllegalArgumentException(e.getCause().toString(), e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException(e.toString(), e);
        }
        return out.bytes();
    }

    private static void write(Object value, Json.Writer out, int depth)
            throws ReflectiveOperationException {
        if (depth > MAX_DEPTH) {
            throw new IllegalArgumentException("Document nesting depth exceeds " + MAX_DEPTH);
        }
        if (value == null) {
            out.raw("null");
        } else if (value instanceof CharSequence || value instanceof Character
                || value instanceof java.util.UUID || value instanceof java.net.URI
                || value instanceof java.net.URL || value instanceof Class) {
            out.string(value instanceof Class ? ((Class<?>) value).getName() : value.toString());
        } else if (value instanceof Enum) {
            out.string(((Enum<?>) value).name());
        } else if (value instanceof Boolean) {
            out.raw(value.toString());
        } else if (value instanceof Number) {
            number((Number) value, out);
        } else if (value instanceof Map) {
            map((Map<?, ?>) value, out, depth);
        } else if (value instanceof Iterable) {
            out.raw('[');
            boolean first = true;
            for (Object each : (Iterable<?>) value) {
                if (!first) {
                    out.raw(',');
                }
                first = false;
                write(each, out, depth + 1);
            }
            out.raw(']');
        } else if (value.getClass().isArray()) {
            array(value, out, depth);
        } else {
            other(value, out, depth);
        }
    }

    private static void number(Number value, Json.Writer out) {
        if (value instanceof BigDecimal) {
            out.raw(((BigDecimal) value).toPlainString());
        } else if (value instanceof Double || value instanceof Float) {
            double number = value.doubleValue();
            boolean odd = Double.isNaN(number) || Double.isInfinite(number);
            out.raw(odd ? "\"" + value + "\"" : value.toString());
        } else {
            out.raw(value.toString());
        }
    }

    private static void map(Map<?, ?> value, Json.Writer out, int depth)
            throws ReflectiveOperationException {
        out.raw('{');
        boolean first = true;
        for (Map.Entry<?, ?> entry : value.entrySet()) {
            Object key = entry.getKey();
            if (key == null) {
                throw new IllegalArgumentException("Null key for a Map not allowed in JSON");
            }
            out.name(key instanceof Enum ? ((Enum<?>) key).name() : key.toString(), first);
            first = false;
            write(entry.getValue(), out, depth + 1);
        }
        out.raw('}');
    }

    private static void array(Object value, Json.Writer out, int depth)
            throws ReflectiveOperationException {
        if (value instanceof byte[]) {
            out.string(Base64.getEncoder().encodeToString((byte[]) value));
            return;
        }
        if (value instanceof char[]) {
            out.string(new String((char[]) value));
            return;
        }
        out.raw('[');
        for (int i = 0; i < Array.getLength(value); i++) {
            if (i > 0) {
                out.raw(',');
            }
            write(Array.get(value, i), out, depth + 1);
        }
        out.raw(']');
    }

    private static void other(Object value, Json.Writer out, int depth)
            throws ReflectiveOperationException {
        if (value instanceof Date) {
            out.raw(String.valueOf(((Date) value).getTime()));
        } else if (value instanceof Calendar) {
            out.raw(String.valueOf(((Calendar) value).getTimeInMillis()));
        } else if (value instanceof Optional) {
            write(((Optional<?>) value).orElse(null), out, depth);
        } else if (value instanceof ByteBuffer) {
            ByteBuffer view = ((ByteBuffer) value).duplicate();
            byte[] bytes = new byte[view.remaining()];
            view.get(bytes);
            out.string(Base64.getEncoder().encodeToString(bytes));
        } else if (value.getClass().getName().startsWith("java.time.")
                || value.getClass().getName().startsWith("org.joda.time.")) {
            out.string(value.toString());
        } else {
            bean(value, out, depth);
        }
    }

    private static void bean(Object value, Json.Writer out, int depth)
            throws ReflectiveOperationException {
        out.raw('{');
        boolean first = true;
        for (Bean.Property property : Bean.of(value.getClass()).readable.values()) {
            Object held = property.get(value);
            if (held != null) {
                out.name(property.name, first);
                first = false;
                write(held, out, depth + 1);
            }
        }
        out.raw('}');
    }
}
