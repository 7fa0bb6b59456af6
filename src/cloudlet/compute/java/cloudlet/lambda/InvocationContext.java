package cloudlet.lambda;

import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a handler learns of its invocation. */
final class InvocationContext implements Context {
    private final Map<?, ?> header;
    private final ClientContext client;

    InvocationContext(Map<?, ?> header) {
        this.header = header;
        this.client = header.get("client") == null ? null : client((String) header.get("client"));
    }

    @Override
    public String getAwsRequestId() {
        return (String) header.get("id");
    }

    @Override
    public String getLogGroupName() {
        return System.getenv("AWS_LAMBDA_LOG_GROUP_NAME");
    }

    @Override
    public String getLogStreamName() {
        return System.getenv("AWS_LAMBDA_LOG_STREAM_NAME");
    }

    @Override
    public String getFunctionName() {
        return System.getenv("AWS_LAMBDA_FUNCTION_NAME");
    }

    @Override
    public String getFunctionVersion() {
        return System.getenv("AWS_LAMBDA_FUNCTION_VERSION");
    }

    @Override
    public String getInvokedFunctionArn() {
        return (String) header.get("arn");
    }

    @Override
    public CognitoIdentity getIdentity() {
        return new CognitoIdentity() {
            @Override
            public String getIdentityId() {
                return "";
            }

            @Override
            public String getIdentityPoolId() {
                return "";
            }
        };
    }

    @Override
    public ClientContext getClientContext() {
        return client;
    }

    @Override
    public int getRemainingTimeInMillis() {
        long left = ((Number) header.get("deadline")).longValue() - System.currentTimeMillis();
        return (int) Math.max(0, left);
    }

    @Override
    public int getMemoryLimitInMB() {
        return Integer.parseInt(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"));
    }

    @Override
    public LambdaLogger getLogger() {
        return LambdaRuntime.getLogger();
    }

    @Override
    public String getXrayTraceId() {
        return (String) header.get("trace");
    }

    private static ClientContext client(String json) {
        Object parsed = Json.parse(json.getBytes(StandardCharsets.UTF_8));
        Map<?, ?> document = parsed instanceof Map ? (Map<?, ?>) parsed : new LinkedHashMap<>();
        Map<String, String> client = texts(document.get("client"));
        Map<String, String> custom = texts(document.get("custom"));
        Map<String, String> environment = texts(document.get("env"));
        return new ClientContext() {
            @Override
            public Client getClient() {
                return client == null ? null : new Application(client);
            }

            @Override
            public Map<String, String> getCustom() {
                return custom;
            }

            @Override
            public Map<String, String> getEnvironment() {
                return environment;
            }
        };
    }

    private static Map<String, String> texts(Object json) {
        if (!(json instanceof Map)) {
            return null;
        }
        Map<String, String> found = new LinkedHashMap<>();
        ((Map<?, ?>) json).forEach((name, value) ->
                found.put((String) name, value == null ? null : value.toString()));
        return found;
    }

    private static final class Application implements Client {
        private final Map<String, String> named;

        Application(Map<String, String> named) {
            this.named = named;
        }

        @Override
        public String getInstallationId() {
            return named.get("installation_id");
        }

        @Override
        public String getAppTitle() {
            return named.get("app_title");
        }

        @Override
        public String getAppVersionName() {
            return named.get("app_version_name");
        }

        @Override
        public String getAppVersionCode() {
            return named.get("app_version_code");
        }

        @Override
        public String getAppPackageName() {
            return named.get("app_package_name");
        }
    }
}
