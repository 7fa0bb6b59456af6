package com.amazonaws.services.lambda.runtime.logging;

/** How grave an event is. */
public enum LogLevel {
    UNDEFINED, TRACE, DEBUG, INFO, WARN, ERROR, FATAL;

    public static LogLevel fromString(String text) {
        for (LogLevel value : values()) {
            if (value.name().equalsIgnoreCase(text)) {
                return value;
            }
        }
        throw new IllegalArgumentException("Invalid log level: '" + text + "'");
    }
}
