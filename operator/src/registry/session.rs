//! Requests to the registry of one image, with redirects and authentication.

use bytes::Bytes;
use crokodial_crds::names::{Digest, ImageRef};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use serde::Deserialize;

use super::auth::RegistryAuth;
use super::error::{Refusal, SessionError, UnusableResponse};
use crate::net::{Endpoint, Exchange, HttpClient, NetError, Scheme};

/// Media types of manifests that are accepted. Image indexes come first, so that the digest covers all platforms.
const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// Response header that contains the digest of the manifest (OCI distribution specification 1.1, "Pulling manifests").
const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// Maximum size of a manifest in bytes. Clients and registries should support manifests of at least 4 megabytes (OCI
/// distribution specification 1.1, "Pushing manifests").
const MAX_MANIFEST: usize = 4 * 1024 * 1024;
/// Maximum size of a token service's response in bytes. Tokens with long scopes take about 8 KiB.
const MAX_TOKEN_ANSWER: usize = 64 * 1024;
const MAX_REDIRECTS: usize = 3;

pub(super) struct Session<'a> {
    client: &'a HttpClient,
    plain_http: &'a [String],
    registry: Endpoint,
    repository: &'a str,
    credential: Option<&'a RegistryAuth>,
    authorization: Option<HeaderValue>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        client: &'a HttpClient,
        plain_http: &'a [String],
        image: &'a ImageRef,
        credential: Option<&'a RegistryAuth>,
    ) -> Result<Self, SessionError> {
        let name = match image.registry.to_ascii_lowercase() {
            // The API of Docker Hub has another host name than its images.
            hub if hub == "docker.io" => "registry-1.docker.io".to_owned(),
            name => name,
        };
        let scheme = if plain_http.contains(&name) {
            Scheme::Http
        } else {
            Scheme::Https
        };
        let authority: Authority = name
            .parse()
            .map_err(|_| UnusableResponse::Net(NetError::Dns { host: name }))?;
        Ok(Self {
            client,
            plain_http,
            registry: endpoint(scheme, &authority),
            repository: &image.repository,
            credential,
            authorization: None,
        })
    }

    /// Requests the manifest with the tag or digest `reference`. If the registry requires authentication, authenticates
    /// and repeats the request once.
    pub(super) async fn manifest(
        &mut self,
        method: Method,
        reference: &str,
    ) -> Result<Exchange, SessionError> {
        let path = format!("/v2/{}/manifests/{reference}", self.repository);
        let answer = self.follow(&method, &path).await?;
        if answer.head().status() != StatusCode::UNAUTHORIZED || self.authorization.is_some() {
            return Ok(answer);
        }
        let challenge =
            Challenge::best(answer.head().headers()).ok_or(UnusableResponse::Challenge)?;
        drop(answer);
        self.authorization = Some(self.sign_in(challenge).await?);
        self.follow(&method, &path).await
    }

    /// Returns `Ok` for status 200, and the corresponding error for any other status.
    pub(super) fn check(&self, status: StatusCode) -> Result<(), SessionError> {
        match status {
            StatusCode::OK => Ok(()),
            StatusCode::NOT_FOUND => Err(SessionError::NotFound),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(SessionError::Refused(self.refusal()))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(UnusableResponse::TooManyRequests.into()),
            other => Err(UnusableResponse::Status(other.as_u16()).into()),
        }
    }

    fn refusal(&self) -> Refusal {
        match self.credential {
            Some(_) if self.registry.scheme == Scheme::Http => Refusal::PlainHttp,
            Some(_) => Refusal::CredentialsRefused,
            None => Refusal::NoCredentials,
        }
    }

    /// Sends a request to the registry and follows redirects. The guard checks the address of every hop. The
    /// Authorization header is sent only to the registry itself, and an authentication challenge is returned only if it
    /// is from the registry itself: the answer to one of another host would hand the credential to whoever that host
    /// names.
    async fn follow(&self, method: &Method, path: &str) -> Result<Exchange, SessionError> {
        let (mut endpoint, mut path) = (self.registry.clone(), path.to_owned());
        for _ in 0..=MAX_REDIRECTS {
            let mut request = get(&path)?;
            *request.method_mut() = method.clone();
            request
                .headers_mut()
                .insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
            if let Some(authorization) = self
                .authorization
                .as_ref()
                .filter(|_| endpoint == self.registry)
            {
                request
                    .headers_mut()
                    .insert(AUTHORIZATION, authorization.clone());
            }
            let answer = self.client.send(&endpoint, request).await?;
            let status = answer.head().status();
            // The statuses 300 and 304 do not redirect to one location.
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                if status == StatusCode::UNAUTHORIZED && endpoint != self.registry {
                    return Err(UnusableResponse::RedirectedSignIn.into());
                }
                return Ok(answer);
            }
            (endpoint, path) = self.redirect_target(&endpoint, answer.head().headers())?;
        }
        Err(UnusableResponse::Redirect.into())
    }

    fn redirect_target(
        &self,
        from: &Endpoint,
        headers: &HeaderMap,
    ) -> Result<(Endpoint, String), UnusableResponse> {
        let location = headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .ok_or(UnusableResponse::Redirect)?;
        let target: Uri = location.parse().map_err(|_| UnusableResponse::Redirect)?;
        let path = target
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        match (target.scheme_str(), target.authority()) {
            (None, None) if path.starts_with('/') => Ok((from.clone(), path)),
            (Some("https"), Some(authority)) => Ok((endpoint(Scheme::Https, authority), path)),
            (Some("http"), Some(authority)) if self.is_plain(authority) => {
                Ok((endpoint(Scheme::Http, authority), path))
            }
            _ => Err(UnusableResponse::Redirect),
        }
    }

    fn is_plain(&self, authority: &Authority) -> bool {
        let target = endpoint(Scheme::Http, authority).authority();
        self.plain_http.contains(&target)
    }

    /// Returns the value of the Authorization header that answers the registry's authentication challenge.
    async fn sign_in(&self, challenge: Challenge) -> Result<HeaderValue, SessionError> {
        match challenge {
            Challenge::Basic => match (self.credential, self.registry.scheme) {
                (Some(credential), Scheme::Https) => {
                    secret(&credential.basic()).ok_or_else(|| UnusableResponse::Challenge.into())
                }
                (Some(_), Scheme::Http) => Err(SessionError::Refused(Refusal::PlainHttp)),
                (None, _) => Err(SessionError::Refused(Refusal::NoCredentials)),
            },
            Challenge::Bearer { realm, service } => self.token(&realm, service.as_deref()).await,
        }
    }

    /// Returns the query of the token request: the query of the realm URL, followed by service and scope. This is a
    /// separate function because the serializer is not `Send` and must not be held across an await.
    fn token_query(&self, realm: &Uri, service: Option<&str>) -> String {
        let mut query =
            form_urlencoded::Serializer::new(realm.query().unwrap_or_default().to_owned());
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        query.append_pair("scope", &format!("repository:{}:pull", self.repository));
        query.finish()
    }

    /// Requests a token from the service at `realm` (Docker's "Token authentication specification"). The scope is not
    /// taken from the challenge, so that the token permits only reading this repository.
    async fn token(&self, realm: &str, service: Option<&str>) -> Result<HeaderValue, SessionError> {
        let realm: Uri = realm.parse().map_err(|_| UnusableResponse::Challenge)?;
        let authority = realm.authority().ok_or(UnusableResponse::Challenge)?;
        let endpoint = match realm.scheme_str() {
            Some("https") => endpoint(Scheme::Https, authority),
            Some("http") if self.registry.scheme == Scheme::Http => {
                endpoint(Scheme::Http, authority)
            }
            _ => return Err(UnusableResponse::Challenge.into()),
        };
        let query = self.token_query(&realm, service);
        let mut request = get(&format!("{}?{query}", realm.path()))?;
        // A challenge that came over plain HTTP may be forged, so its realm gets no credential, not even over HTTPS.
        let trusted = self.registry.scheme == Scheme::Https && endpoint.scheme == Scheme::Https;
        if let Some(credential) = self.credential.filter(|_| trusted) {
            let basic = secret(&credential.basic()).ok_or(UnusableResponse::Challenge)?;
            request.headers_mut().insert(AUTHORIZATION, basic);
        }
        let answer = self.client.send(&endpoint, request).await?;
        match answer.head().status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(SessionError::Refused(self.refusal()));
            }
            StatusCode::TOO_MANY_REQUESTS => return Err(UnusableResponse::TooManyRequests.into()),
            _ => return Err(UnusableResponse::Token.into()),
        }
        let body = answer.into_bytes(MAX_TOKEN_ANSWER).await?;
        let answer: TokenAnswer =
            serde_json::from_slice(&body).map_err(|_| UnusableResponse::Token)?;
        let token = answer
            .token
            .or(answer.access_token)
            .ok_or(UnusableResponse::Token)?;
        secret(&format!("Bearer {token}")).ok_or_else(|| UnusableResponse::Token.into())
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

/// Authentication scheme that the registry offers in the `WWW-Authenticate` header.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

impl Challenge {
    /// Returns the preferred scheme of those offered: Bearer, otherwise Basic. Returns `None` if neither is offered.
    fn best(headers: &HeaderMap) -> Option<Self> {
        let offered: Vec<Self> = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| http_auth::parse_challenges(value.to_str().ok()?).ok())
            .flatten()
            .filter_map(|challenge| Self::read(&challenge))
            .collect();
        let bearer = offered
            .iter()
            .position(|challenge| *challenge != Self::Basic);
        offered.into_iter().nth(bearer.unwrap_or(0))
    }

    fn read(challenge: &http_auth::ChallengeRef<'_>) -> Option<Self> {
        let parameter = |name: &str| {
            let found = challenge
                .params
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        if challenge.scheme.eq_ignore_ascii_case("basic") {
            Some(Self::Basic)
        } else if challenge.scheme.eq_ignore_ascii_case("bearer") {
            Some(Self::Bearer {
                realm: parameter("realm")?,
                service: parameter("service"),
            })
        } else {
            None
        }
    }
}

fn endpoint(scheme: Scheme, authority: &Authority) -> Endpoint {
    let name = authority.host().to_ascii_lowercase();
    Endpoint::new(
        scheme,
        &name,
        authority.port_u16().unwrap_or(scheme.default_port()),
    )
}

fn get(path: &str) -> Result<Request<Empty<Bytes>>, UnusableResponse> {
    Request::get(path)
        .body(Empty::new())
        .map_err(|_| UnusableResponse::Redirect)
}

/// Creates a header value that `Debug` output does not reveal. Returns `None` if `text` is not a valid header value.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn is_manifest(head: &Response<()>) -> bool {
    let kind = head
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    MANIFEST_TYPES
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known))
}

/// Returns the digest in the header of a manifest response. Returns `None` if the digest or the media type is missing
/// or invalid.
pub(super) fn named_digest(head: &Response<()>) -> Option<Digest> {
    let text = head.headers().get(DOCKER_CONTENT_DIGEST)?.to_str().ok()?;
    text.parse().ok().filter(|_| is_manifest(head))
}

/// Returns the SHA-256 digest of the manifest in a response body. If the header contains a digest too, both must be
/// equal.
pub(super) async fn hashed_digest(answer: Exchange) -> Result<Digest, SessionError> {
    if !is_manifest(answer.head()) {
        return Err(UnusableResponse::NotAManifest.into());
    }
    let named = named_digest(answer.head());
    let hash = answer.into_sha256(MAX_MANIFEST).await?;
    let digest: Digest = format!("sha256:{}", hex::encode(hash))
        .parse()
        .map_err(|_| UnusableResponse::NotAManifest)?;
    match named {
        Some(named) if named != digest => Err(UnusableResponse::DigestMismatch.into()),
        _ => Ok(digest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        Challenge::best(&headers)
    }

    #[test]
    fn the_best_known_challenge_is_taken() {
        let bearer = |service: Option<&str>| Challenge::Bearer {
            realm: "https://auth.example/token".into(),
            service: service.map(str::to_owned),
        };
        let plain = r#"Bearer realm="https://auth.example/token""#;
        let full = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a:pull,push""#;
        assert_eq!(best(&[plain]), Some(bearer(None)));
        assert_eq!(best(&[full]), Some(bearer(Some("registry.example"))));
        assert_eq!(best(&["Basic realm=\"x\"", plain]), Some(bearer(None)));
        assert_eq!(best(&["BASIC realm=\"x\""]), Some(Challenge::Basic));
        assert_eq!(best(&["Bearer service=\"no realm\""]), None);
        assert_eq!(best(&["Negotiate"]), None);
        assert_eq!(best(&["=,=\""]), None);
        assert_eq!(best(&[]), None);
    }
}
