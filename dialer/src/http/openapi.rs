//! The parts of the API description that do not come from handlers: security schemes, tags, and the response for
//! refusals.

use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, Ref, ResponseBuilder,
    tag::Tag,
};

use super::schema::refusal::Refusal;

/// Introduction of the API description.
const ABOUT: &str = "\
The sales dialer's API. Bodies are JSON unless said otherwise, at most 1 MB. Every refusal has the same form, and its \
`code` does not change.

Live updates come by WebSocket, at `/` or `/ws`: connect, send `{\"type\":\"authenticate\",\"token\":\"…\"}`, and listen.

Addresses of the old server that are gone for good answer 410, and those of things that are not there yet 501; both say \
what to use instead.";

const TAGS: [(&str, &str); 6] = [
    ("accounts", "Signing in, and one's own account"),
    ("administration", "For administrators"),
    ("leads", "Leads and dispositions"),
    ("calls", "Calls that reps made"),
    (
        "vendors",
        "Where leads come from, and numbers that must be left alone",
    ),
    ("system", "Health"),
];

/// Adds these parts to the description that was generated from handlers.
pub(super) fn complete(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("Crokodial dialer")
        .description(Some(ABOUT))
        // Version of the interface and not of a build, because the description is committed.
        .version("1")
        .license(Some(LicenseBuilder::new().name("Apache-2.0").build()))
        .build();
    api.servers = None;
    api.tags = Some(TAGS.map(tag).into());
    api.security = Some(vec![SecurityRequirement::new("session", NOBODY_SPECIAL)]);
    secure(api.components.get_or_insert_default());
    for item in api.paths.paths.values_mut() {
        for operation in operations(item) {
            refusable(operation);
        }
    }
    api
}

/// Empty list of roles for a security requirement: any role is sufficient.
const NOBODY_SPECIAL: [&str; 0] = [];

fn tag((name, about): (&str, &str)) -> Tag {
    let mut tag = Tag::new(name);
    tag.description = Some(about.to_owned());
    tag
}

fn secure(components: &mut Components) {
    let session = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "The `token` of `/api/auth/login`. A role in a requirement is the caller's.",
        ));
    components.add_security_scheme("session", SecurityScheme::Http(session.build()));
    for header in ["sid", "apikey"] {
        let value = ApiKeyValue::with_description(header, "Of the pair given to the vendor.");
        components.add_security_scheme(header, SecurityScheme::ApiKey(ApiKey::Header(value)));
    }
    let mut more = vec![("Refusal".to_owned(), Refusal::schema())];
    <Refusal as utoipa::ToSchema>::schemas(&mut more);
    components.schemas.extend(more);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let one = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ];
    one.into_iter().flatten()
}

/// Adds the default response to an operation: every status that it does not describe is a refusal.
fn refusable(operation: &mut Operation) {
    let refusal = ContentBuilder::new().schema(Some(Ref::from_schema_name("Refusal")));
    let response = ResponseBuilder::new()
        .description("Refused: what is wrong and what to do")
        .content("application/json", refusal.build());
    operation
        .responses
        .responses
        .insert("default".to_owned(), response.build().into());
}
