package com.amazonaws.services.lambda.runtime;

/** Who called through the mobile SDK. */
public interface CognitoIdentity {
    String getIdentityId();

    String getIdentityPoolId();
}
