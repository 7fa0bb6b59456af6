package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.RequestHandler;

/** The same, with the libraries of today. */
public class Greeter implements RequestHandler<Greeter.Request, Greeter.Response> {
    public static class Request {
        private String name;
        private boolean fail;
        private long sleep;

        public String getName() {
            return name;
        }

        public void setName(String name) {
            this.name = name;
        }

        public boolean isFail() {
            return fail;
        }

        public void setFail(boolean fail) {
            this.fail = fail;
        }

        public long getSleep() {
            return sleep;
        }

        public void setSleep(long sleep) {
            this.sleep = sleep;
        }
    }

    public static class Response {
        private final String hello;
        private final String colour;
        private final String id;

        Response(String hello, String colour, String id) {
            this.hello = hello;
            this.colour = colour;
            this.id = id;
        }

        public String getHello() {
            return hello;
        }

        public String getColour() {
            return colour;
        }

        public String getId() {
            return id;
        }
    }

    @Override
    public Response handleRequest(Request request, Context context) {
        LambdaLogger logger = context.getLogger();
        logger.log("a line from Java about " + request.getName() + "\n");
        try {
            Thread.sleep(request.getSleep());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        if (request.isFail()) {
            throw new IllegalStateException("no " + request.getName());
        }
        return new Response(
                request.getName(), System.getenv("COLOUR"), context.getAwsRequestId());
    }
}
