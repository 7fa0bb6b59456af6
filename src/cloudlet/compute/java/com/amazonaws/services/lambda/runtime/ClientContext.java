package com.amazonaws.services.lambda.runtime;

import java.util.Map;

/** What the mobile SDK sent along. */
public interface ClientContext {
    Client getClient();

    Map<String, String> getCustom();

    Map<String, String> getEnvironment();
}
