package cloudlet.lambda;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Exceptions as callers and logs see them. */
final class Failure {
    private static final int MAX_CAUSES = 20;

    private Failure() {}

    /** A failure that the runtime itself names; it has no trace. */
    static final class Named extends RuntimeException {
        private static final long serialVersionUID = 1;
        final String kind;

        Named(String kind, String message, Throwable cause) {
            super(message, cause, true, false);
            this.kind = kind;
        }
    }

    static String kind(Throwable error) {
        return error instanceof Named ? ((Named) error).kind : error.getClass().getName();
    }

    /** Drops the runtime's own frames, which are none of the function's. */
    static void trim(Throwable error) {
        Throwable each = error;
        for (int i = 0; each != null && i < MAX_CAUSES; i++, each = each.getCause()) {
            StackTraceElement[] trace = each.getStackTrace();
            int end = trace.length;
            for (int at = 0; at < trace.length; at++) {
                if (trace[at].getClassName().startsWith("cloudlet.lambda.")) {
                    end = at;
                    break;
                }
            }
            while (end > 0 && end < trace.length && isReflection(trace[end - 1])) {
                end--;
            }
            each.setStackTrace(Arrays.copyOf(trace, end));
        }
    }

    private static boolean isReflection(StackTraceElement frame) {
        String name = frame.getClassName();
        return name.contains(".reflect.") || name.startsWith("java.lang.invoke.");
    }

    /** The document that the caller gets. */
    static byte[] document(Throwable error) {
        Json.Writer out = new Json.Writer();
        write(error, out, 0);
        return out.bytes();
    }

    private static void write(Throwable error, Json.Writer out, int depth) {
        out.raw('{');
        boolean first = true;
        if (error.getMessage() != null) {
            out.name("errorMessage", true).string(error.getMessage());
            first = false;
        }
        out.name("errorType", first).string(kind(error));
        List<String> frames = new ArrayList<>();
        for (StackTraceElement frame : error.getStackTrace()) {
            frames.add(frame.toString());
        }
        out.name("stackTrace", false).raw('[');
        for (int i = 0; i < frames.size(); i++) {
            if (i > 0) {
                out.raw(',');
            }
            out.string(frames.get(i));
        }
        out.raw(']');
        Throwable cause = error.getCause();
        if (cause != null && cause != error && depth < MAX_CAUSES) {
            out.name("cause", false);
            write(cause, out, depth + 1);
        }
        out.raw('}');
    }

    /** The event of the log. */
    static String report(Throwable error) {
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        String trace = text.toString();
        if (error instanceof Named) {
            trace = trace.replace(Named.class.getName(), kind(error));
        }
        return error.getMessage() + ": " + kind(error) + "\n" + trace;
    }
}
