package cloudlet.lambda.warm;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Map;

/** A function like many, for the warm-up. */
public class Sample implements RequestHandler<Map<String, Object>, Object> {
    /** An event like many. */
    public static class Event {
        private String text;
        private double number;
        private Event inner;
        private List<Boolean> flags;
        public Long count;

        public String getText() {
            return text;
        }

        public void setText(String text) {
            this.text = text;
        }

        public double getNumber() {
            return number;
        }

        public void setNumber(double number) {
            this.number = number;
        }

        public Event getInner() {
            return inner;
        }

        public void setInner(Event inner) {
            this.inner = inner;
        }

        public List<Boolean> getFlags() {
            return flags;
        }

        public void setFlags(List<Boolean> flags) {
            this.flags = flags;
        }
    }

    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
        event.put("id", context.getAwsRequestId());
        event.put("left", context.getRemainingTimeInMillis());
        return event;
    }

    public Event beans(Event event, Context context) {
        return event;
    }

    public void streams(InputStream in, OutputStream out, Context context) throws IOException {
        byte[] part = new byte[512];
        for (int n = in.read(part); n >= 0; n = in.read(part)) {
            out.write(part, 0, n);
        }
    }
}
