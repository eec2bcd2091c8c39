//! Test with two replicas of the dialer: a change made through one replica takes effect at the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crokodial_cluster::Stage;
use crokodial_crds::names::{COMPONENT_WEB, LABEL_COMPONENT, LABEL_ENVIRONMENT};
use futures::{SinkExt, StreamExt};
use http::{Method, Request};
use http_body_util::Full;
use hyper::body::Bytes;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::cluster_network;
use crate::support::world::World;
use crokodial_cluster::edge::site::{Answer, Site, exchange};

/// Port of the dialer.
const PORT: u16 = 3005;

/// Timeout for receiving a response or a message.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum time until a change takes effect at the other replica (`docs/dialer-compat.md`).
const MAX_PROPAGATION: Duration = Duration::from_secs(2);

/// Checks that a lead received by one replica is sent to a WebSocket at the other replica. Then checks that a session
/// ended at one replica is rejected by the other, which also closes the session's WebSocket.
pub async fn agree(world: &World) -> anyhow::Result<()> {
    let pods = addresses(world).await?;
    let [one, two] = pods.as_slice() else {
        anyhow::bail!("prod has {} pods, not two", pods.len());
    };
    let (one, two) = (*one, *two);
    let site = Site::https(world, Stage::Prod.domain())?;
    let email = format!("replicas-{:08x}@example.com", rand::random::<u32>());
    let body = json!({"email": email, "password": "correct horse 1", "name": "Rep"});
    let made = site.post("/api/auth/register", &body).await?;
    ensure!(made.status == 201, "{} {}", made.status, made.text());
    let token = text(&made.json()?, "token")?;

    let mut socket = open(world, two, &token).await?;
    lead_is_sent(world, &mut socket, one, &token).await?;
    signing_out_closes(world, &mut socket, (one, two), &token).await
}

/// Sends a vendor's lead to replica `one` and checks that it is received on `socket`, which is open at the other
/// replica.
async fn lead_is_sent(
    world: &World,
    socket: &mut Socket,
    one: SocketAddr,
    token: &str,
) -> anyhow::Result<()> {
    let pair = credential(world, one, token).await?;
    let id = format!("replicas-{:08x}", rand::random::<u32>());
    let lead = json!({"lead_id": id, "first_name": "Ann", "phone": "5550123456"});
    let vendor = [("sid", pair.0.as_str()), ("apikey", pair.1.as_str())];
    let began = Instant::now();
    let sent = send(
        world,
        one,
        Method::POST,
        "/api/webhooks/nextgen",
        &vendor,
        &lead,
    )
    .await?;
    ensure!(sent.status == 201, "{} {}", sent.status, sent.text());
    let message = next(socket).await?.context("the socket was closed")?;
    let took = began.elapsed();
    ensure!(message["type"] == "new_lead_notification", "{message}");
    ensure!(
        message["data"]["leadId"] == sent.json()?["leadId"],
        "{message}"
    );
    world.progress.say(&format!(
        "a lead at one replica was sent by the other after {:.2} s",
        took.as_secs_f64()
    ));
    ensure!(took <= MAX_PROPAGATION, "sent after {took:?}");
    Ok(())
}

/// Signs out at replica `one`. Checks that replica `two` rejects the session and closes its WebSocket.
async fn signing_out_closes(
    world: &World,
    socket: &mut Socket,
    (one, two): (SocketAddr, SocketAddr),
    token: &str,
) -> anyhow::Result<()> {
    let bearer = format!("Bearer {token}");
    let signed_in = [("authorization", bearer.as_str())];
    let began = Instant::now();
    let out = send(
        world,
        one,
        Method::POST,
        "/api/auth/logout",
        &signed_in,
        &Value::Null,
    )
    .await?;
    ensure!(out.status == 200, "{} {}", out.status, out.text());
    let refused = send(
        world,
        two,
        Method::GET,
        "/api/auth/profile",
        &signed_in,
        &Value::Null,
    )
    .await?;
    ensure!(
        refused.status == 401,
        "{} {}",
        refused.status,
        refused.text()
    );
    while let Some(message) = next(socket).await? {
        ensure!(message["type"] == "auth_failure", "{message}");
    }
    let took = began.elapsed();
    world.progress.say(&format!(
        "a socket at the other was closed {:.2} s after signing out",
        took.as_secs_f64()
    ));
    ensure!(took <= MAX_PROPAGATION, "closed after {took:?}");
    Ok(())
}

/// Returns the IP addresses and port of prod's serving pods.
async fn addresses(world: &World) -> anyhow::Result<Vec<SocketAddr>> {
    let stage = Stage::Prod;
    let api: Api<Pod> = Api::namespaced(world.client.clone(), &stage.namespace());
    let web = format!(
        "{LABEL_ENVIRONMENT}={},{LABEL_COMPONENT}={COMPONENT_WEB}",
        stage.as_str()
    );
    let pods = api.list(&ListParams::default().labels(&web)).await?;
    let running = pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let addresses = running.map(|pod| {
        let address = pod
            .status
            .as_ref()
            .and_then(|status| status.pod_ip.as_deref());
        let address = address.context("a pod without an address")?;
        Ok(SocketAddr::new(address.parse()?, PORT))
    });
    addresses.collect()
}

/// Sends a request with a JSON body to a pod. `Value::Null` means no body.
async fn send(
    world: &World,
    pod: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> anyhow::Result<Answer> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", Stage::Prod.domain())
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    let stream = cluster_network::connect(world, pod)?;
    tokio::time::timeout(
        RECEIVE_TIMEOUT,
        exchange(stream, request.body(Full::new(body))?),
    )
    .await
    .context("no answer")?
}

/// Creates a credential with which a lead vendor can send leads to the user. Returns its sid and API key.
async fn credential(
    world: &World,
    pod: SocketAddr,
    token: &str,
) -> anyhow::Result<(String, String)> {
    let bearer = format!("Bearer {token}");
    let path = "/api/integrations/nextgen/credentials/rotate";
    let headers = [("authorization", bearer.as_str())];
    let made = send(world, pod, Method::POST, path, &headers, &json!({})).await?;
    ensure!(made.status == 200, "{} {}", made.status, made.text());
    let made = made.json()?;
    Ok((text(&made, "sid")?, text(&made, "apiKey")?))
}

fn text(answer: &Value, field: &str) -> anyhow::Result<String> {
    let value = answer[field].as_str();
    Ok(value.with_context(|| format!("no {field}"))?.to_owned())
}

type Socket = WebSocketStream<TcpStream>;

/// Opens a WebSocket to a pod and authenticates with the session token.
async fn open(world: &World, pod: SocketAddr, token: &str) -> anyhow::Result<Socket> {
    let stream = cluster_network::connect(world, pod)?;
    let url = format!("ws://{}/ws", Stage::Prod.domain());
    let (mut socket, _) = client_async(url, stream).await?;
    let hello = json!({"type": "authenticate", "token": token});
    socket.send(Message::text(hello.to_string())).await?;
    let answer = next(&mut socket).await?.context("the socket was closed")?;
    ensure!(answer["type"] == "auth_success", "{answer}");
    Ok(socket)
}

/// Returns the next message of a WebSocket; `None` once it is closed.
async fn next(socket: &mut Socket) -> anyhow::Result<Option<Value>> {
    loop {
        let message = tokio::time::timeout(RECEIVE_TIMEOUT, socket.next())
            .await
            .context("no message was received")?;
        match message {
            Some(Ok(Message::Text(text))) => return Ok(Some(serde_json::from_str(&text)?)),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
            Some(Ok(_)) => {}
        }
    }
}
