package com.amazonaws.services.lambda.runtime.logging;

/** The form of a log. */
public enum LogFormat {
    JSON, TEXT;

    public static LogFormat fromString(String text) {
        for (LogFormat value : values()) {
            if (value.name().equalsIgnoreCase(text)) {
                return value;
            }
        }
        throw new IllegalArgumentException("Invalid log format: '" + text + "'");
    }
}
