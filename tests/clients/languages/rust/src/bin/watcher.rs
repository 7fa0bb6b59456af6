//! An external extension that prints what it is told, by AWS's own crate.
use lambda_extension::{
    service_fn, Error, Extension, LambdaEvent, LambdaTelemetry, LambdaTelemetryRecord, NextEvent,
    SharedService,
};

async fn on_event(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => println!("watcher: invoke {}", invoke.request_id),
        NextEvent::Shutdown(end) => println!("watcher: shutdown {}", end.shutdown_reason),
    }
    Ok(())
}

async fn on_telemetry(events: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for event in events {
        match event.record {
            LambdaTelemetryRecord::Function(line) => println!("watcher: said {line}"),
            LambdaTelemetryRecord::PlatformReport { status, .. } => {
                println!("watcher: report {status:?}")
            }
            _ => (),
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let port = std::env::var("PORT")?.parse()?;
    Extension::new()
        .with_events_processor(service_fn(on_event))
        .with_telemetry_processor(SharedService::new(service_fn(on_telemetry)))
        .with_telemetry_port_number(port)
        .with_telemetry_types(&["platform", "function"])
        .run()
        .await
}
