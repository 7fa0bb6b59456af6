use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let name = event.payload["name"].as_str().unwrap_or("nobody");
    println!("a line from Rust about {name}");
    let sleep = event.payload["sleep"].as_u64().unwrap_or(0);
    tokio::time::sleep(std::time::Duration::from_millis(sleep)).await;
    if event.payload["fail"] == true {
        return Err(format!("no {name}").into());
    }
    let colour = std::env::var("COLOUR").unwrap_or_default();
    Ok(json!({ "hello": name, "colour": colour, "id": event.context.request_id }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
