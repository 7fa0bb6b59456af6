package cloudlet.lambda;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.HashMap;
import java.util.Map;

/** A function's code, ready to be called with the event's bytes. */
interface Handler {
    byte[] handle(byte[] event, Context context) throws Throwable;

    /** Finds `package.Class` or `package.Class::method`. */
    static Handler find(String name, ClassLoader loader) throws Throwable {
        int colons = name.indexOf("::");
        String className = colons < 0 ? name : name.substring(0, colons);
        String method = colons < 0 ? null : name.substring(colons + 2);
        if (className.isEmpty() || (method != null && method.isEmpty())) {
            throw new Failure.Named("Runtime.MalformedHandlerName",
                    "Invalid handler: `" + name + "`", null);
        }
        Class<?> type;
        try {
            type = Class.forName(className, true, loader);
        } catch (ClassNotFoundException e) {
            throw new Failure.Named(
                    "java.lang.ClassNotFoundException", "Class not found: " + className, e);
        } catch (ExceptionInInitializerError e) {
            throw e.getCause() == null ? e : e.getCause();
        }
        boolean byInterface = method == null || method.equals("handleRequest");
        if (byInterface && RequestStreamHandler.class.isAssignableFrom(type)) {
            return ofStreams((RequestStreamHandler) instance(type));
        }
        if (byInterface && RequestHandler.class.isAssignableFrom(type)) {
            return ofEvents((RequestHandler<?, ?>) instance(type), inputOf(type));
        }
        if (method == null) {
            throw new Failure.Named("java.lang.ClassCastException", "Class " + className
                    + " does not implement an appropriate handler interface", null);
        }
        Method found = choose(type, method);
        found.setAccessible(true);
        Object target = Modifier.isStatic(found.getModifiers()) ? null : instance(type);
        return ofMethod(found, target);
    }

    static Object instance(Class<?> type) throws Throwable {
        try {
            Constructor<?> constructor = type.getConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        } catch (NoSuchMethodException e) {
            throw new Failure.Named("java.lang.Exception", "Class " + type.getName()
                    + " has no public zero-argument constructor", e);
        } catch (InstantiationException e) {
            throw new Failure.Named("java.lang.InstantiationException",
                    "Class " + type.getName() + " is abstract", e);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /** Of methods of this name the one with the most parameters, a Context last preferred. */
    static Method choose(Class<?> type, String name) {
        Method best = null;
        for (Method method : type.getMethods()) {
            if (!method.getName().equals(name) || method.isBridge() || !fits(method)) {
                continue;
            }
            if (best == null || rank(method) > rank(best)) {
                best = method;
            }
        }
        if (best == null) {
            throw new Failure.Named("java.lang.NoSuchMethodException", "No public method named "
                    + name + " with appropriate method signature found on class "
                    + type.getName(), null);
        }
        return best;
    }

    static int rank(Method method) {
        Class<?>[] types = method.getParameterTypes();
        boolean context = types.length > 0 && types[types.length - 1] == Context.class;
        return 2 * types.length + (context ? 1 : 0);
    }

    static boolean fits(Method method) {
        Class<?>[] types = method.getParameterTypes();
        int last = types.length - 1;
        int given = last >= 0 && types[last] == Context.class ? last : types.length;
        return given <= 1 || given == 2 && types[0] == InputStream.class
                && types[1] == OutputStream.class;
    }

    static Handler ofStreams(RequestStreamHandler handler) {
        return (event, context) -> {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            handler.handleRequest(new ByteArrayInputStream(event), out, context);
            return out.toByteArray();
        };
    }

    static Handler ofEvents(RequestHandler<?, ?> handler, Type input) {
        @SuppressWarnings("unchecked")
        RequestHandler<Object, Object> any = (RequestHandler<Object, Object>) handler;
        return (event, context) -> print(any.handleRequest(read(event, input), context));
    }

    static Handler ofMethod(Method method, Object target) {
        Class<?>[] types = method.getParameterTypes();
        Type[] generic = method.getGenericParameterTypes();
        boolean streams = types.length >= 2 && types[1] == OutputStream.class;
        boolean withInput = types.length > 0 && types[0] != Context.class;
        return (event, context) -> {
            Object[] arguments = new Object[types.length];
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            if (streams) {
                arguments[0] = new ByteArrayInputStream(event);
                arguments[1] = out;
            } else if (withInput) {
                arguments[0] = read(event, generic[0]);
            }
            if (types.length > 0 && types[types.length - 1] == Context.class) {
                arguments[types.length - 1] = context;
            }
            Object result;
            try {
                result = method.invoke(target, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
            return streams ? out.toByteArray() : print(result);
        };
    }

    static Object read(byte[] event, Type type) {
        try {
            return type == InputStream.class ? new ByteArrayInputStream(event)
                    : Reader.read(Json.parse(event), type);
        } catch (RuntimeException e) {
            throw new Failure.Named("java.lang.RuntimeException",
                    "An error occurred during JSON parsing", e);
        }
    }

    static byte[] print(Object result) {
        try {
            return Printer.print(result);
        } catch (RuntimeException | StackOverflowError e) {
            throw new Failure.Named("java.lang.RuntimeException",
                    "An error occurred during JSON serialization of response", e);
        }
    }

    /** The I of RequestHandler<I, O>, wherever up the class it was said. */
    static Type inputOf(Class<?> type) {
        Type found = search(type, new HashMap<>());
        return found == null ? Object.class : found;
    }

    static Type search(Type type, Map<TypeVariable<?>, Type> known) {
        Class<?> raw;
        if (type instanceof ParameterizedType) {
            ParameterizedType generic = (ParameterizedType) type;
            raw = (Class<?>) generic.getRawType();
            Type[] given = generic.getActualTypeArguments();
            for (int i = 0; i < given.length; i++) {
                known.put(raw.getTypeParameters()[i], known.getOrDefault(given[i], given[i]));
            }
        } else if (type instanceof Class) {
            raw = (Class<?>) type;
        } else {
            return null;
        }
        if (raw == RequestHandler.class) {
            return known.get(raw.getTypeParameters()[0]);
        }
        for (Type each : raw.getGenericInterfaces()) {
            Type found = search(each, known);
            if (found != null) {
                return found;
            }
        }
        return raw.getGenericSuperclass() == null ? null
                : search(raw.getGenericSuperclass(), known);
    }
}
