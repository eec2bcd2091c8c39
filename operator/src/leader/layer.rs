//! Layer of the Kubernetes client that checks the fence for each write request.

use std::time::Duration;

use http::uri::PathAndQuery;
use http::{Method, Request, Response, Uri};
use kube::Client;
use kube::client::Body;
use tower::{BoxError, service_fn};

use super::fence::Fence;

/// Returns a client whose write requests must pass the fence. GET requests are not checked.
pub fn fenced(client: &Client, fence: &Fence) -> Client {
    let namespace = client.default_namespace().to_owned();
    let (client, fence) = (client.clone(), fence.clone());
    let service = service_fn(move |request| send(client.clone(), fence.clone(), request));
    Client::new(service, namespace)
}

async fn send(
    client: Client,
    fence: Fence,
    request: Request<Body>,
) -> Result<Response<Body>, BoxError> {
    if request.method() == Method::GET {
        return Ok(client.send(request).await?);
    }
    let (write, left) = fence.begin()?;
    let answer = client.send(with_time_out(request, left)).await?;
    // After a timeout (504) or a storage error (500), the API server may have applied the write or may still apply it.
    if !answer.status().is_server_error() {
        write.answered();
    }
    Ok(answer)
}

/// Limits the time for which the API server may process the request, by the query parameter `timeout`. The server
/// counts from the arrival of the request.
fn with_time_out(request: Request<Body>, left: Duration) -> Request<Body> {
    if left == Duration::MAX {
        return request;
    }
    let (mut parts, body) = request.into_parts();
    parts.uri = limited(&parts.uri, left).unwrap_or(parts.uri);
    Request::from_parts(parts, body)
}

fn limited(uri: &Uri, left: Duration) -> Option<Uri> {
    let asked = uri.path_and_query()?.as_str();
    let joint = if asked.contains('?') { '&' } else { '?' };
    let limited = format!("{asked}{joint}timeout={}ms", left.as_millis().max(1));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(limited).ok()?);
    Uri::from_parts(parts).ok()
}
