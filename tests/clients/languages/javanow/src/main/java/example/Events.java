package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.events.APIGatewayProxyRequestEvent;
import com.amazonaws.services.lambda.runtime.events.APIGatewayProxyResponseEvent;
import com.amazonaws.services.lambda.runtime.events.DynamodbEvent;
import com.amazonaws.services.lambda.runtime.events.S3Event;
import com.amazonaws.services.lambda.runtime.events.SQSEvent;
import com.amazonaws.services.lambda.runtime.events.models.s3.S3EventNotification;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Handlers of AWS's events. */
public class Events {
    public List<String> s3(S3Event event, Context context) {
        List<String> found = new ArrayList<>();
        for (S3EventNotification.S3EventNotificationRecord record : event.getRecords()) {
            found.add(record.getS3().getBucket().getName() + "/" + record.getS3().getObject().getKey()
                    + " " + record.getS3().getObject().getSizeAsLong() + " "
                    + record.getEventTime().getMillis());
        }
        return found;
    }

    public List<String> sqs(SQSEvent event) {
        List<String> found = new ArrayList<>();
        event.getRecords().forEach(m -> found.add(m.getMessageId() + " " + m.getBody() + " "
                + m.getEventSourceArn()));
        return found;
    }

    public List<String> dynamodb(DynamodbEvent event) {
        List<String> found = new ArrayList<>();
        event.getRecords().forEach(r -> found.add(r.getEventName() + " "
                + r.getDynamodb().getNewImage().get("id").getN() + " "
                + r.getDynamodb().getApproximateCreationDateTime().getTime()));
        return found;
    }

    public APIGatewayProxyResponseEvent api(APIGatewayProxyRequestEvent event, Context context) {
        return new APIGatewayProxyResponseEvent().withStatusCode(200)
                .withHeaders(Collections.singletonMap("x-path", event.getPath()))
                .withBody(event.getHttpMethod() + " " + event.getRequestContext().getStage());
    }
}
