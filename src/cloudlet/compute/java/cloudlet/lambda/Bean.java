package cloudlet.lambda;

import java.lang.reflect.AccessibleObject;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The properties of a class as AWS's Java runtime sees them: public getters, setters and fields,
 * named as JavaBeans are; unknown names are ignored, and a name that differs in its case only is
 * taken (the classes of aws-lambda-java-events need that).
 */
final class Bean {
    private static final Map<Class<?>, Bean> KNOWN = new ConcurrentHashMap<>();
    /** Constructors of aws-lambda-java-events that take what has no setter. */
    private static final Map<String, String[]> CREATORS = new HashMap<>();

    static {
        String[] records = {"Records"};
        CREATORS.put("S3Event", records);
        CREATORS.put("S3EventNotification", records);
        CREATORS.put("S3EventNotificationRecord", new String[] {
            "awsRegion", "eventName", "eventSource", "eventTime", "eventVersion",
            "requestParameters", "responseElements", "s3", "userIdentity"});
        CREATORS.put("S3Entity", new String[] {
            "configurationId", "bucket", "object", "s3SchemaVersion"});
        CREATORS.put("S3BucketEntity", new String[] {"name", "ownerIdentity", "arn"});
        CREATORS.put("S3ObjectEntity", new String[] {
            "key", "size", "eTag", "versionId", "sequencer"});
        CREATORS.put("UserIdentityEntity", new String[] {"principalId"});
        CREATORS.put("RequestParametersEntity", new String[] {"sourceIPAddress"});
        CREATORS.put("ResponseElementsEntity", new String[] {"x-amz-id-2", "x-amz-request-id"});
    }

    /** One way to read or to write a property. */
    static final class Property {
        final String name;
        final Type type;
        private final Method method;
        private final Field field;

        Property(String name, Type type, Method method, Field field) {
            this.name = name;
            this.type = type;
            this.method = method;
            this.field = field;
        }

        Object get(Object bean) throws ReflectiveOperationException {
            return method != null ? method.invoke(bean) : field.get(bean);
        }

        void set(Object bean, Object value) throws ReflectiveOperationException {
            if (method != null) {
                method.invoke(bean, value);
            } else {
                field.set(bean, value);
            }
        }
    }

    final Class<?> type;
    final Map<String, Property> readable = new LinkedHashMap<>();
    final Map<String, Property> writable = new HashMap<>();
    final Constructor<?> empty;
    final Constructor<?> full;
    final String[] fullNames;

    static Bean of(Class<?> type) {
        Bean bean = KNOWN.get(type);
        if (bean == null) {
            bean = new Bean(type);
            KNOWN.put(type, bean);
        }
        return bean;
    }

    private Bean(Class<?> type) {
        this.type = type;
        Map<String, Property> setters = new HashMap<>();
        for (Class<?> c = type; c != null && c != Object.class; c = c.getSuperclass()) {
            for (Field field : c.getDeclaredFields()) {
                if (isPublic(field) && open(field)) {
                    addField(field, setters);
                }
            }
        }
        boolean record = isRecord(type);
        for (Method method : type.getMethods()) {
            if (!Modifier.isStatic(method.getModifiers())
                    && method.getDeclaringClass() != Object.class && !method.isBridge()) {
                addMethod(method, setters, record);
            }
        }
        for (Property property : setters.values()) {
            writable.putIfAbsent(property.name.toLowerCase(Locale.ROOT), property);
        }
        writable.putAll(setters);
        empty = constructor(type);
        fullNames = creatorNames(type, record);
        full = fullNames == null ? null : withParameters(type, fullNames.length);
    }

    private void addField(Field field, Map<String, Property> setters) {
        Property property = new Property(field.getName(), field.getGenericType(), null, field);
        readable.putIfAbsent(property.name, property);
        setters.putIfAbsent(property.name, property);
    }

    private void addMethod(Method method, Map<String, Property> setters, boolean record) {
        String name = method.getName();
        int parameters = method.getParameterCount();
        Class<?> result = method.getReturnType();
        if (name.startsWith("set") && name.length() > 3 && parameters == 1 && open(method)) {
            String property = decapitalize(name.substring(3));
            setters.put(property, new Property(
                    property, method.getGenericParameterTypes()[0], method, null));
        } else if (parameters == 0 && result != void.class) {
            String property = null;
            if (name.startsWith("get") && name.length() > 3) {
                property = decapitalize(name.substring(3));
            } else if (name.startsWith("is") && name.length() > 2
                    && (result == boolean.class || result == Boolean.class)) {
                property = decapitalize(name.substring(2));
            } else if (record && hasComponent(name)) {
                property = name;
            }
            if (property != null && open(method)) {
                readable.put(property, new Property(
                        property, method.getGenericReturnType(), method, null));
            }
        }
    }

    private boolean hasComponent(String name) {
        try {
            return !Modifier.isStatic(type.getDeclaredField(name).getModifiers());
        } catch (NoSuchFieldException e) {
            return false;
        }
    }

    /** The property that a JSON name sets, null for none. */
    Property setter(String name) {
        Property property = writable.get(name);
        return property != null ? property : writable.get(name.toLowerCase(Locale.ROOT));
    }

    private static String[] creatorNames(Class<?> type, boolean record) {
        if (record) {
            return java.util.Arrays.stream(type.getDeclaredFields())
                    .filter(f -> !Modifier.isStatic(f.getModifiers()))
                    .map(Field::getName).toArray(String[]::new);
        }
        boolean theirs = type.getName().startsWith("com.amazonaws.services.");
        return theirs ? CREATORS.get(type.getSimpleName()) : null;
    }

    private static Constructor<?> withParameters(Class<?> type, int count) {
        for (Constructor<?> constructor : type.getDeclaredConstructors()) {
            if (constructor.getParameterCount() == count && open(constructor)) {
                return constructor;
            }
        }
        return null;
    }

    private static Constructor<?> constructor(Class<?> type) {
        if (type.isInterface() || Modifier.isAbstract(type.getModifiers())) {
            return null;
        }
        try {
            Constructor<?> found = type.getDeclaredConstructor();
            return open(found) ? found : null;
        } catch (NoSuchMethodException e) {
            return null;
        }
    }

    /** As java.beans.Introspector, which is in a module of its own. */
    static String decapitalize(String name) {
        if (name.length() > 1 && Character.isUpperCase(name.charAt(0))
                && Character.isUpperCase(name.charAt(1))) {
            return name;
        }
        return Character.toLowerCase(name.charAt(0)) + name.substring(1);
    }

    static boolean isRecord(Class<?> type) {
        Class<?> parent = type.getSuperclass();
        return parent != null && parent.getName().equals("java.lang.Record");
    }

    private static boolean isPublic(Member member) {
        int flags = member.getModifiers();
        return Modifier.isPublic(flags) && !Modifier.isStatic(flags)
                && !Modifier.isTransient(flags);
    }

    private static boolean open(AccessibleObject member) {
        try {
            member.setAccessible(true);
            return true;
        } catch (RuntimeException e) { // of a module that does not open itself
            return false;
        }
    }

    /** The empty map that keeps generics apart in `Binder`. */
    static final Map<String, Type> NO_VARIABLES = Collections.emptyMap();
}
