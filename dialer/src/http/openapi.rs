//! Parts of the OpenAPI description that are not generated from handlers, such as security schemes, tags and the
//! default error response.

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

/// Introductory text of the OpenAPI description.
const ABOUT: &str = "\
API of the sales dialer. Bodies are JSON of at most 1 MB unless an operation says otherwise. Errors have the \
form of the schema `Refusal`, except 503 of `/api/health` and `/readyz`; its `code` is stable.

Live updates are sent over a WebSocket at `/` or `/ws`: connect, send \
`{\"type\":\"authenticate\",\"token\":\"…\"}`, and read messages.

Routes of the legacy server that were removed answer 410 and name the replacement. Routes for features that this \
server does not have answer 501.";

const TAGS: [(&str, &str); 6] = [
    ("accounts", "Sign-in, and the account of the signed-in user"),
    (
        "administration",
        "For administrators: accounts, invite codes, default dispositions",
    ),
    ("leads", "Leads and dispositions"),
    ("calls", "Calls and dial counts"),
    (
        "vendors",
        "Lead vendors, file imports, and phone numbers that must not be contacted",
    ),
    ("system", "Health"),
];

/// Completes the description that was generated from the handlers: adds the title, tags, security schemes and error
/// responses.
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

/// Empty list of required roles in a security requirement: every signed-in user is allowed.
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
            "The `token` returned by `/api/auth/login`. A role in a security requirement is the role that the signed-in user must have.",
        ));
    components.add_security_scheme("session", SecurityScheme::Http(session.build()));
    for header in ["sid", "apikey"] {
        let value = ApiKeyValue::with_description(
            header,
            "One half of the credential pair issued to the vendor.",
        );
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

/// Adds an error response as the default response of an operation. It applies to every status that the operation does
/// not describe.
fn refusable(operation: &mut Operation) {
    let refusal = ContentBuilder::new().schema(Some(Ref::from_schema_name("Refusal")));
    let response = ResponseBuilder::new()
        .description("Error: the cause and what to do about it")
        .content("application/json", refusal.build());
    operation
        .responses
        .responses
        .insert("default".to_owned(), response.build().into());
}
