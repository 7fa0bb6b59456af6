use lambda_runtime::streaming::{channel, Body, Response};
use lambda_runtime::{run, service_fn, Error, FunctionResponse, LambdaEvent};
use serde_json::{json, Value};

fn stream(parts: u64) -> Response<Body> {
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for part in 0..parts {
            let _ = sender.send_data(format!("part {part};").into()).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    Response::from(body)
}

async fn handle(event: LambdaEvent<Value>) -> Result<FunctionResponse<Value, Body>, Error> {
    let name = event.payload["name"].as_str().unwrap_or("nobody");
    println!("a line from Rust about {name}");
    let sleep = event.payload["sleep"].as_u64().unwrap_or(0);
    tokio::time::sleep(std::time::Duration::from_millis(sleep)).await;
    if let Some(parts) = event.payload["parts"].as_u64() {
        return Ok(FunctionResponse::StreamingResponse(stream(parts)));
    }
    if event.payload["fail"] == true {
        return Err(format!("no {name}").into());
    }
    let colour = std::env::var("COLOUR").unwrap_or_default();
    let answer = json!({ "hello": name, "colour": colour, "id": event.context.request_id });
    Ok(FunctionResponse::BufferedResponse(answer))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
