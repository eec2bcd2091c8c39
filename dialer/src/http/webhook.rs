//! Handlers of the webhook `POST /api/webhooks/nextgen`, which receives leads from a vendor.

use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::private;
use super::body::object;
use super::client::Client;
use super::error::{ApiError, Code};
use super::schema::vendors as schema;
use super::state::App;
use crate::domain::notice::Notice;
use crate::domain::vendor::credential::{CredentialPair, MAX_LENGTH};
use crate::domain::vendor::lead::{Field, FieldWarning, VendorLead};
use crate::domain::vendor::webhook;
use crate::metrics::LeadResult;
use crate::store::vendor::ReceivedLead;
use crate::vendors;

const PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");

/// Value of the field `source` of leads that this webhook stores.
const SOURCE: &str = "NextGen";

/// Receives a lead from a vendor.
///
/// Sending the same message again creates neither a second lead nor a second purchase.
#[utoipa::path(
    post,
    path = "/api/webhooks/nextgen",
    tag = "vendors",
    operation_id = "receiveLead",
    request_body = schema::VendorLeadBody,
    responses((status = 200, description = "The lead already existed", body = schema::Received), (status = 201, description = "The lead was created", body = schema::Received)),
    security(("sid" = [], "apikey" = [])),
)]
pub async fn receive(
    State(app): State<App>,
    Client(caller): Client,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let pair = pair(&headers)?;
    let judged = app.vendors.authenticate(&pair, caller.address).await;
    if let Err(vendors::VendorError::Throttled(_)) = &judged {
        app.metrics.lead_received(LeadResult::Throttled);
    }
    let tenant = judged?;
    let (lead, warnings) = match read(&body) {
        Ok(read) => read,
        Err(error) => {
            app.metrics.lead_received(LeadResult::Refused);
            app.store
                .insert_reject(tenant, &body, &error.message)
                .await?;
            return Err(error);
        }
    };
    let received = app
        .store
        .receive_lead(tenant, &lead, SOURCE, Timestamp::now())
        .await?;
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    app.metrics.lead_received(result_of(&received));
    if received.news {
        app.notices.publish(tenant, &notice(&lead, &received, took));
    }
    let (status, message) = if received.created {
        (StatusCode::CREATED, "The lead was created.")
    } else if received.news {
        (StatusCode::OK, "The lead was updated.")
    } else {
        (StatusCode::OK, "The lead is known.")
    };
    let mut answer = json!({
        "success": true,
        "leadId": received.id.to_hex(),
        "message": message,
        "isNew": received.created,
        "processMs": took,
    });
    let told = told(&warnings, received.alike);
    if let Some(fields) = answer.as_object_mut()
        && !told.is_empty()
    {
        fields.insert("warnings".into(), told.into());
    }
    let mut response = private((status, Json(answer)).into_response());
    response
        .headers_mut()
        .insert(PROCESS_TIME, HeaderValue::from(took));
    Ok(response)
}

/// Receives a lead from a vendor in the same way as `POST /api/webhooks/nextgen`.
///
/// This path exists for vendors that use an older integration.
#[utoipa::path(
    post,
    path = "/api/integration/nextgen",
    tag = "vendors",
    operation_id = "receiveLeadWhereItWas",
    request_body = schema::VendorLeadBody,
    responses(
        (status = 200, description = "The lead already existed", body = schema::Received),
        (status = 201, description = "The lead was created", body = schema::Received),
    ),
    security(("sid" = [], "apikey" = [])),
)]
pub async fn receive_where_it_was(
    state: State<App>,
    origin: Client,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    receive(state, origin, headers, body).await
}

fn result_of(received: &ReceivedLead) -> LeadResult {
    match (received.created, received.news) {
        (true, _) => LeadResult::Created,
        (false, true) => LeadResult::Updated,
        (false, false) => LeadResult::Known,
    }
}

fn notice(lead: &VendorLead, received: &ReceivedLead, took: u64) -> Notice {
    let name = lead.person.iter().find_map(|(field, value)| match value {
        Field::Text(name) if *field == "name" => Some(name.clone()),
        _ => None,
    });
    Notice::NewLead {
        lead: received.id,
        name: name.unwrap_or_else(|| "NextGen Lead".to_owned()),
        phone: lead.phone.clone(),
        source: SOURCE.to_owned(),
        product: lead.product,
        is_new: received.created,
        process_ms: took,
    }
}

/// Returns the vendor's credential from the headers `sid` and `apikey`. Returns an error if a header is missing, empty
/// or too long.
fn pair(headers: &HeaderMap) -> Result<CredentialPair, vendors::VendorError> {
    let given = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.filter(|v| !v.is_empty() && v.len() <= MAX_LENGTH)
    };
    let (sid, api_key) = given("sid")
        .zip(given("apikey"))
        .ok_or(vendors::VendorError::Wrong)?;
    Ok(CredentialPair {
        sid: sid.to_owned(),
        api_key: api_key.to_owned(),
    })
}

fn read(body: &[u8]) -> Result<(VendorLead, Vec<FieldWarning>), ApiError> {
    let (lead, warnings) = webhook::parse(&object(body)?);
    let lead = lead.ok_or_else(|| {
        ApiError::new(
            Code::NoContact,
            "The lead has no id, no phone and no usable e-mail address.",
        )
    })?;
    Ok((lead, warnings))
}

fn told(warnings: &[FieldWarning], alike: usize) -> Vec<Value> {
    let mut told: Vec<Value> = warnings
        .iter()
        .map(|w| json!({ "field": w.field, "message": w.message }))
        .collect();
    if alike > 1 {
        told.push(
            json!({ "message": format!("{alike} leads are the same; the oldest was updated") }),
        );
    }
    told
}
