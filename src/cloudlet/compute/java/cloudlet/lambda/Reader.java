package cloudlet.lambda;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Calendar;
import java.util.Collection;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;

/** Makes of parsed JSON what a handler declares. */
final class Reader {
    private static final String EVENTS = "com.amazonaws.services.lambda.runtime.events.";

    private Reader() {}

    static Object read(Object json, Type type) {
        try {
            return convert(json, type, Bean.NO_VARIABLES);
        } catch (InvocationTargetException e) {
            throw new IllegalArgumentException(e.getCause().toString(), e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException(e.toString(), e);
        }
    }

    private static Object convert(Object json, Type type, Map<String, Type> variables)
            throws ReflectiveOperationException {
        if (type instanceof Class) {
            return toClass(json, (Class<?>) type, new Type[0], variables);
        }
        if (type instanceof ParameterizedType) {
            ParameterizedType generic = (ParameterizedType) type;
            Type[] given = generic.getActualTypeArguments();
            Type[] bound = new Type[given.length];
            for (int i = 0; i < given.length; i++) {
                bound[i] = resolve(given[i], variables);
            }
            return toClass(json, (Class<?>) generic.getRawType(), bound, variables);
        }
        if (type instanceof GenericArrayType) {
            Type item = ((GenericArrayType) type).getGenericComponentType();
            return array(json, item, raw(resolve(item, variables)), variables);
        }
        Type resolved = resolve(type, variables);
        return resolved == type ? plain(json) : convert(json, resolved, variables);
    }

    private static Type resolve(Type type, Map<String, Type> variables) {
        if (type instanceof TypeVariable) {
            TypeVariable<?> variable = (TypeVariable<?>) type;
            Type found = variables.get(variable.getName());
            return found != null ? found : variable.getBounds()[0];
        }
        if (type instanceof WildcardType) {
            return resolve(((WildcardType) type).getUpperBounds()[0], variables);
        }
        return type;
    }

    private static Class<?> raw(Type type) {
        if (type instanceof ParameterizedType) {
            return (Class<?>) ((ParameterizedType) type).getRawType();
        }
        return type instanceof Class ? (Class<?>) type : Object.class;
    }

    private static Object toClass(
            Object json, Class<?> type, Type[] arguments, Map<String, Type> variables)
            throws ReflectiveOperationException {
        if (json == null) {
            return type.isPrimitive() ? Array.get(Array.newInstance(type, 1), 0)
                    : type == Optional.class ? Optional.empty() : null;
        }
        if (type == Object.class) {
            return plain(json);
        }
        if (type == String.class || type == CharSequence.class) {
            if (json instanceof Map || json instanceof List) {
                throw mismatch(json, type);
            }
            return json.toString();
        }
        if (type.isPrimitive() || Number.class.isAssignableFrom(type) || type == Boolean.class
                || type == Character.class) {
            return scalar(json, type);
        }
        if (Map.class.isAssignableFrom(type) && type.getTypeParameters().length == 2
                || type == Map.class) {
            return map(json, type, arguments, variables);
        }
        if (Collection.class.isAssignableFrom(type) || type == Iterable.class) {
            Type item = arguments.length == 1 ? arguments[0] : Object.class;
            Collection<Object> found = collection(type);
            for (Object each : list(json, type)) {
                found.add(convert(each, item, variables));
            }
            return found;
        }
        if (type == byte[].class || type == ByteBuffer.class) {
            byte[] bytes = Base64.getDecoder().decode(text(json, type));
            return type == byte[].class ? bytes : ByteBuffer.wrap(bytes);
        }
        if (type.isArray()) {
            return array(json, type.getComponentType(), type.getComponentType(), variables);
        }
        if (type == Optional.class) {
            Type held = arguments.length == 1 ? arguments[0] : Object.class;
            return Optional.ofNullable(convert(json, held, variables));
        }
        Object value = value(json, type);
        return value != null ? value : bean(json, type, arguments);
    }

    private static Object plain(Object json) {
        return json instanceof Json.Decimal ? Double.valueOf(json.toString())
                : json instanceof Map ? plainMap((Map<?, ?>) json)
                : json instanceof List ? plainList((List<?>) json) : json;
    }

    private static Map<String, Object> plainMap(Map<?, ?> json) {
        Map<String, Object> found = new LinkedHashMap<>();
        json.forEach((name, value) -> found.put((String) name, plain(value)));
        return found;
    }

    private static List<Object> plainList(List<?> json) {
        List<Object> found = new ArrayList<>(json.size());
        json.forEach(value -> found.add(plain(value)));
        return found;
    }

    private static Object scalar(Object json, Class<?> type) {
        if (type == boolean.class || type == Boolean.class) {
            if (json instanceof Boolean) {
                return json;
            }
            if (json instanceof Number) {
                return ((Number) json).doubleValue() != 0;
            }
            if ("true".equals(json) || "false".equals(json)) {
                return Boolean.valueOf((String) json);
            }
            throw mismatch(json, type);
        }
        if (type == char.class || type == Character.class) {
            String text = text(json, type);
            if (text.length() != 1) {
                throw mismatch(json, type);
            }
            return text.charAt(0);
        }
        String digits = json instanceof Number ? json.toString() : text(json, type).trim();
        if (digits.isEmpty()) {
            return type.isPrimitive() ? number("0", type) : null;
        }
        try {
            return number(digits, type);
        } catch (ArithmeticException | NumberFormatException e) {
            throw mismatch(json, type);
        }
    }

    private static Object number(String digits, Class<?> type) {
        if (type == double.class || type == Double.class) {
            return Double.valueOf(digits);
        }
        if (type == float.class || type == Float.class) {
            return Float.valueOf(digits);
        }
        BigDecimal exact = new BigDecimal(digits);
        if (type == BigDecimal.class) {
            return exact;
        }
        if (exact.precision() - exact.scale() > 400) {
            throw new ArithmeticException("out of range");
        }
        BigInteger whole = exact.toBigInteger();
        if (type == int.class || type == Integer.class) {
            return whole.intValueExact();
        }
        if (type == long.class || type == Long.class) {
            return whole.longValueExact();
        }
        if (type == short.class || type == Short.class) {
            return whole.shortValueExact();
        }
        if (type == byte.class || type == Byte.class) {
            return whole.byteValueExact();
        }
        if (type == BigInteger.class) {
            return whole;
        }
        return digits.matches("-?\\d+") ? (Object) whole.longValue() : Double.valueOf(digits);
    }

    private static Object map(
            Object json, Class<?> type, Type[] arguments, Map<String, Type> variables)
            throws ReflectiveOperationException {
        if (!(json instanceof Map)) {
            throw mismatch(json, type);
        }
        Type key = arguments.length == 2 ? arguments[0] : String.class;
        Type item = arguments.length == 2 ? arguments[1] : Object.class;
        Map<Object, Object> found;
        if (type.isInterface()) {
            boolean sorted = type == SortedMap.class || type == NavigableMap.class;
            found = sorted ? new TreeMap<>() : new LinkedHashMap<>();
        } else {
            found = cast(type.getDeclaredConstructor().newInstance());
        }
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) json).entrySet()) {
            found.put(convert(entry.getKey(), key, variables),
                    convert(entry.getValue(), item, variables));
        }
        return found;
    }

    @SuppressWarnings("unchecked")
    private static <T> T cast(Object value) {
        return (T) value;
    }

    private static Collection<Object> collection(Class<?> type)
            throws ReflectiveOperationException {
        if (!type.isInterface()) {
            return cast(type.getDeclaredConstructor().newInstance());
        }
        if (SortedSet.class.isAssignableFrom(type)) {
            return new TreeSet<>();
        }
        if (Set.class.isAssignableFrom(type)) {
            return new LinkedHashSet<>();
        }
        return Queue.class.isAssignableFrom(type) ? new ArrayDeque<>() : new ArrayList<>();
    }

    private static List<?> list(Object json, Class<?> type) {
        if (json instanceof List) {
            return (List<?>) json;
        }
        return Collections.singletonList(json); // a single value is taken as a list of one
    }

    private static Object array(
            Object json, Type item, Class<?> raw, Map<String, Type> variables)
            throws ReflectiveOperationException {
        List<?> items = list(json, raw);
        Object found = Array.newInstance(raw, items.size());
        for (int i = 0; i < items.size(); i++) {
            Array.set(found, i, convert(items.get(i), item, variables));
        }
        return found;
    }

    /** Types that one JSON scalar stands for; null for the others. */
    private static Object value(Object json, Class<?> type) throws ReflectiveOperationException {
        if (type.isEnum()) {
            String name = text(json, type);
            for (Object each : type.getEnumConstants()) {
                if (((Enum<?>) each).name().equals(name) || each.toString().equals(name)) {
                    return each;
                }
            }
            throw mismatch(json, type);
        }
        if (type == Date.class) {
            return new Date(millis(json, type));
        }
        if (Calendar.class.isAssignableFrom(type)) {
            Calendar calendar = Calendar.getInstance();
            calendar.setTimeInMillis(millis(json, type));
            return calendar;
        }
        if (type == UUID.class) {
            return UUID.fromString(text(json, type));
        }
        if (json instanceof Map || json instanceof List) {
            return null;
        }
        if (type.getName().startsWith("java.time.")) {
            Method parse = type.getMethod("parse", CharSequence.class);
            return parse.invoke(null, text(json, type));
        }
        return fromScalar(json, type);
    }

    /** A constructor of one string or number, as of java.net.URI or org.joda.time.DateTime. */
    private static Object fromScalar(Object json, Class<?> type)
            throws ReflectiveOperationException {
        for (Class<?> taken : new Class<?>[] {String.class, long.class, int.class, Object.class}) {
            boolean fits = taken == String.class ? json instanceof String
                    : taken == Object.class || json instanceof Number;
            if (!fits) {
                continue;
            }
            try {
                Constructor<?> constructor = type.getConstructor(taken);
                Object argument = taken.isPrimitive() ? scalar(json, taken) : json;
                return constructor.newInstance(argument);
            } catch (NoSuchMethodException e) {
                continue;
            }
        }
        if ("".equals(json)) {
            return null;
        }
        throw mismatch(json, type);
    }

    private static long millis(Object json, Class<?> type) {
        if (json instanceof Number) {
            return ((Number) json).longValue();
        }
        String text = text(json, type);
        try {
            if (text.matches("-?\\d+")) {
                return Long.parseLong(text);
            }
            if (text.matches("\\d{4}-\\d\\d-\\d\\d")) {
                return java.time.LocalDate.parse(text).toEpochDay() * 86_400_000L;
            }
            String normal = text.replaceFirst("([+-]\\d\\d)(\\d\\d)$", "$1:$2");
            return java.time.OffsetDateTime.parse(normal).toInstant().toEpochMilli();
        } catch (java.time.DateTimeException e) {
            throw mismatch(json, type);
        }
    }

    private static Object bean(Object json, Class<?> type, Type[] arguments)
            throws ReflectiveOperationException {
        if (!(json instanceof Map)) {
            if ("".equals(json)) {
                return null;
            }
            throw mismatch(json, type);
        }
        Bean bean = Bean.of(type);
        Map<String, Type> variables = new HashMap<>();
        for (int i = 0; i < arguments.length; i++) {
            variables.put(type.getTypeParameters()[i].getName(), arguments[i]);
        }
        Map<?, ?> members = (Map<?, ?>) json;
        if (bean.full != null) {
            return created(bean, members, variables);
        }
        if (bean.empty == null) {
            throw new IllegalArgumentException("Cannot construct instance of `" + type.getName()
                    + "` (no Creators, like default constructor, exist)");
        }
        Object made = bean.empty.newInstance();
        for (Map.Entry<?, ?> member : members.entrySet()) {
            Bean.Property property = bean.setter((String) member.getKey());
            if (property == null) {
                continue;
            }
            Object value = member.getValue();
            if (property.type == Date.class && value instanceof Number
                    && type.getName().startsWith(EVENTS)) { // in seconds, as the services send it
                value = (long) (((Number) value).doubleValue() * 1000);
            }
            if (value != null || !raw(property.type).isPrimitive()) {
                property.set(made, convert(value, property.type, variables));
            }
        }
        return made;
    }

    private static Object created(Bean bean, Map<?, ?> members, Map<String, Type> variables)
            throws ReflectiveOperationException {
        Type[] types = bean.full.getGenericParameterTypes();
        Object[] values = new Object[types.length];
        for (int i = 0; i < types.length; i++) {
            Object value = members.get(bean.fullNames[i]);
            values[i] = convert(value, types[i], variables);
        }
        return bean.full.newInstance(values);
    }

    private static String text(Object json, Class<?> type) {
        if (json instanceof String) {
            return (String) json;
        }
        throw mismatch(json, type);
    }

    private static IllegalArgumentException mismatch(Object json, Class<?> type) {
        String found = json instanceof Map ? "Object value" : json instanceof List ? "Array value"
                : json instanceof String ? "String value" : json instanceof Boolean
                ? "Boolean value" : "Number value";
        return new IllegalArgumentException("Cannot deserialize value of type `"
                + type.getTypeName() + "` from " + found);
    }
}
