package cloudlet.lambda;

import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;

/**
 * The Java side of an execution environment. Descriptors: 3 requests, 4 answers, 5 the particulars
 * (JSON until its end), 1 and 2 the log. Frames: u32 length (little endian) of what follows, one
 * byte kind, body. Started before its function is known; warms itself up, then waits for it.
 */
public final class Bootstrap {
    private static final int MAX_RESPONSE = 6 * 1024 * 1024 + 100;
    private static final int WARM_ROUNDS = 200;

    private final DataInputStream requests;
    private final FileOutputStream answers;

    private Bootstrap() throws ReflectiveOperationException {
        requests = new DataInputStream(new FileInputStream(descriptor(3)));
        answers = new FileOutputStream(descriptor(4));
    }

    /** Runs until the platform ends the environment. */
    public static void main(String[] arguments) throws Throwable {
        System.setOut(stream(FileDescriptor.out));
        System.setErr(stream(FileDescriptor.err));
        Bootstrap bootstrap = new Bootstrap();
        warmUp(arguments[0]);
        Map<?, ?> particulars = (Map<?, ?>) Json.parse(readAll(
                new FileInputStream(descriptor(5))));
        bootstrap.run(particulars);
    }

    private static PrintStream stream(FileDescriptor fd) throws IOException {
        return new PrintStream(
                new BufferedOutputStream(new FileOutputStream(fd), 8192), true, "UTF-8");
    }

    private static FileDescriptor descriptor(int number) throws ReflectiveOperationException {
        Constructor<FileDescriptor> constructor =
                FileDescriptor.class.getDeclaredConstructor(int.class);
        constructor.setAccessible(true);
        return constructor.newInstance(number);
    }

    private static byte[] readAll(InputStream in) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] part = new byte[65536];
        for (int n = in.read(part); n >= 0; n = in.read(part)) {
            all.write(part, 0, n);
        }
        in.close();
        return all.toByteArray();
    }

    // --- the function -------------------------------------------------------------------------

    private void run(Map<?, ?> particulars) throws Throwable {
        String named = (String) particulars.get("handler");
        if (particulars.get("environ") != null) {
            environment((Map<?, ?>) particulars.get("environ"));
        } else if (System.getenv("_HANDLER") != null) { // a wrapper script may have changed it
            named = System.getenv("_HANDLER");
        }
        ClassLoader loader = loader((String) particulars.get("task"),
                (List<?>) particulars.get("roots"));
        Thread.currentThread().setContextClassLoader(loader);
        Handler handler;
        try {
            handler = Handler.find(named, loader);
        } catch (Throwable error) {
            Failure.trim(error);
            LambdaRuntime.getLogger().log(event(Failure.report(error)));
            send('F', Failure.document(error));
            leave(1);
            return;
        }
        send('I', new byte[0]);
        while (true) {
            serve(handler);
        }
    }

    private static void leave(int status) {
        System.out.flush();
        Runtime.getRuntime().halt(status);
    }

    /** One event of the log, whatever lines it has: the platform turns U+001E into a newline. */
    private static String event(String text) {
        String trimmed = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
        return trimmed.replace('\n', '\u001e') + "\n";
    }

    private void serve(Handler handler) throws IOException {
        byte[] frame = receive();
        int split = 5 + little(frame, 1);
        Map<?, ?> header = (Map<?, ?>) Json.parse(Arrays.copyOfRange(frame, 5, split));
        String trace = (String) header.get("trace");
        if (trace != null) {
            System.setProperty("com.amazonaws.xray.traceHeader", trace);
        }
        byte[] event = Arrays.copyOfRange(frame, split, frame.length);
        char kind = 'R';
        byte[] body;
        boolean fatal = false;
        try {
            body = handler.handle(event, new InvocationContext(header));
            if (body.length > MAX_RESPONSE) {
                kind = 'O';
                body = new byte[0];
            }
        } catch (Throwable error) {
            fatal = error instanceof VirtualMachineError;
            kind = fatal ? 'D' : 'E';
            Failure.trim(error);
            body = Failure.document(error);
            System.out.print(event(Failure.report(error)));
        }
        System.out.flush();
        System.err.flush();
        send(kind, body);
        if (fatal) {
            leave(1);
        }
        awaitNext(((Number) header.get("awake_us")).longValue());
    }

    // --- frames -------------------------------------------------------------------------------

    /** Stays awake until a frame comes, so long at most; who else wants the processor has it. */
    private void awaitNext(long micros) throws IOException {
        long until = System.nanoTime() + micros * 1000;
        while (micros > 0 && requests.available() == 0 && System.nanoTime() < until) {
            Thread.yield();
        }
    }

    private byte[] receive() throws IOException {
        byte[] size = new byte[4];
        try {
            requests.readFully(size);
        } catch (EOFException e) {
            leave(0);
        }
        byte[] frame = new byte[little(size, 0)];
        requests.readFully(frame);
        return frame;
    }

    private static int little(byte[] bytes, int at) {
        return (bytes[at] & 255) | (bytes[at + 1] & 255) << 8 | (bytes[at + 2] & 255) << 16
                | (bytes[at + 3] & 255) << 24;
    }

    private void send(char kind, byte[] body) throws IOException {
        int size = body.length + 1;
        byte[] frame = new byte[4 + size];
        for (int i = 0; i < 4; i++) {
            frame[i] = (byte) (size >> 8 * i);
        }
        frame[4] = (byte) kind;
        System.arraycopy(body, 0, frame, 5, body.length);
        answers.write(frame);
    }

    // --- becoming the function's --------------------------------------------------------------

    /** Puts the function's variables where System.getenv and child processes look. */
    private static void environment(Map<?, ?> environ) throws ReflectiveOperationException {
        Map<String, String> variables = environmentMap();
        variables.clear();
        environ.forEach((name, value) -> variables.put((String) name, (String) value));
        String zone = variables.get("TZ");
        if (zone != null && !zone.equals(":UTC")) {
            TimeZone.setDefault(TimeZone.getTimeZone(zone.startsWith(":") ? zone.substring(1)
                    : zone));
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, String> environmentMap() throws ReflectiveOperationException {
        Map<String, String> shown = System.getenv();
        Field held = Class.forName("java.util.Collections$UnmodifiableMap").getDeclaredField("m");
        held.setAccessible(true);
        return (Map<String, String>) held.get(shown);
    }

    /** /var/task, its lib/*.jar, the layers' java/lib/*.jar; AWS's interfaces are the parent's. */
    private static ClassLoader loader(String task, List<?> roots) throws MalformedURLException {
        List<URL> urls = new ArrayList<>();
        urls.add(new File(task + "/").toURI().toURL());
        for (Object root : roots) {
            jars(root + "/java/lib", urls);
        }
        jars(task + "/lib", urls);
        return new URLClassLoader(urls.toArray(new URL[0]), Bootstrap.class.getClassLoader());
    }

    private static void jars(String folder, List<URL> urls) throws MalformedURLException {
        File[] files = new File(folder).listFiles((in, name) -> name.endsWith(".jar"));
        if (files != null) {
            Arrays.sort(files);
            for (File file : files) {
                urls.add(file.toURI().toURL());
            }
        }
    }

    // --- warming up ---------------------------------------------------------------------------

    /** Runs through what every function needs, so that its classes are loaded and compiled. */
    private static void warmUp(String jar) throws Throwable {
        environmentMap();
        Map<String, Object> header = new LinkedHashMap<>();
        header.put("id", "warm");
        header.put("deadline", 0);
        byte[] event = ("{\"text\":\"a \\u00e4 text\",\"number\":1.5,\"count\":12345678901,"
                + "\"flags\":[true,false,null],\"inner\":{\"text\":\"b\"}}")
                .getBytes(StandardCharsets.UTF_8);
        List<String> names = Arrays.asList("Sample", "Sample::beans", "Sample::streams");
        File folder = new File("/var/task/lib");
        for (String name : names) {
            URL[] urls = {folder.toURI().toURL(), new File(jar).toURI().toURL()};
            try (Apart loader = new Apart(urls)) {
                Handler handler = Handler.find("cloudlet.lambda.warm." + name, loader);
                for (int round = 0; round < WARM_ROUNDS / names.size(); round++) {
                    handler.handle(event, new InvocationContext(header));
                }
            }
        }
        Exception sample = new IllegalStateException("warm", new IOException("cause"));
        Failure.trim(sample);
        Failure.document(sample);
        event(Failure.report(sample));
        jars("/var/task/lib", new ArrayList<>());
        Collections.emptyList().forEach(System.out::println);
        System.getProperties().remove("com.amazonaws.xray.traceHeader");
    }

    /** A loader that finds the samples itself, as a function's finds the function's classes. */
    private static final class Apart extends URLClassLoader {
        Apart(URL[] urls) {
            super(urls, Bootstrap.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("cloudlet.lambda.warm.") && findLoadedClass(name) == null) {
                return findClass(name);
            }
            return super.loadClass(name, resolve);
        }
    }
}
