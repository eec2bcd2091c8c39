//! `make demo-data`: creates generated leads in staging through the dialer's HTTP API.

use anyhow::{Context, ensure};
use http::Method;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::edge::ClusterEdge;
use crate::edge::site::Site;
use crate::{Cluster, Progress, Stage, files};

/// Name of the file that stores the email and password of the demo user. Only the owner of the file can read it.
const ACCOUNT_FILE: &str = "demo-user.json";

/// Seed of the random generator for leads. It is fixed, so that every run creates the same leads and screenshots can
/// be compared.
const SEED: u64 = 20_260_101;

/// Number of leads between two progress messages.
const REPORT_EVERY: u16 = 25;

const FIRST: [&str; 12] = [
    "Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gia", "Hal", "Ida", "Jon", "Kit", "Lou",
];
const LAST: [&str; 10] = [
    "Archer", "Baker", "Cooper", "Dyer", "Fisher", "Glover", "Hunter", "Mason", "Porter", "Weaver",
];
const PLACES: [(&str, &str, &str); 6] = [
    ("TX", "Austin", "73301"),
    ("OH", "Dayton", "45402"),
    ("FL", "Tampa", "33602"),
    ("NJ", "Newark", "07102"),
    ("MI", "Flint", "48502"),
    ("UT", "Provo", "84601"),
];
const DISPOSITIONS: [&str; 6] = [
    "",
    "Positive Contact",
    "No Contact",
    "Quoted",
    "Appointment",
    "SOLD",
];

/// Signs in as the demo user of an earlier run, or creates a demo user and stores the account in the file
/// `demo-user.json` of the state directory. Then adds leads until the user has at least `leads` of them.
///
/// # Errors
/// When the CA certificate of the local sites is missing, or the site does not respond or rejects a request.
pub async fn fill(cluster: &Cluster, leads: u16, progress: &Progress) -> anyhow::Result<()> {
    let authority = std::fs::read_to_string(cluster.layout.path("ca.crt"))
        .context("the local authority: run `make up` first")?;
    let edge = ClusterEdge {
        ports: cluster.ports(),
        authority,
    };
    let site = Site::https(&edge, Stage::Staging.domain())?;
    let path = cluster.layout.path(ACCOUNT_FILE);
    let token = match std::fs::read(&path) {
        Ok(kept) => sign_in(&site, &serde_json::from_slice(&kept)?).await?,
        Err(_) => {
            let account = account();
            let token = sign_up(&site, &account).await?;
            files::write_private(&path, &serde_json::to_vec_pretty(&account)?)?;
            token
        }
    };
    let there = site
        .send_as(&token, Method::GET, "/api/leads?limit=10", &Value::Null)
        .await?
        .json()?;
    let there = there["pagination"]["total"].as_u64().unwrap_or(0);
    let mut random = StdRng::seed_from_u64(SEED);
    for number in 0..leads {
        let lead = lead(&mut random, number);
        if u64::from(number) < there {
            continue;
        }
        let made = site
            .send_as(&token, Method::POST, "/api/leads", &lead)
            .await?;
        ensure!(
            made.status == 201,
            "lead {number}: {} {}",
            made.status,
            made.text()
        );
        if number % REPORT_EVERY == 0 {
            progress.say(&format!("lead {number} of {leads}"));
        }
    }
    progress.say(&format!(
        "{} has {leads} leads; sign in as {} says",
        Stage::Staging.domain(),
        path.display()
    ));
    Ok(())
}

/// Returns a new account with a random email address and password.
fn account() -> Value {
    let mut random = rand::rng();
    let name = Alphanumeric.sample_string(&mut random, 6).to_lowercase();
    json!({
        "email": format!("demo-{name}@crokodial.test"),
        "password": Alphanumeric.sample_string(&mut random, 24),
        "name": "Demo",
    })
}

async fn sign_up(site: &Site, account: &Value) -> anyhow::Result<String> {
    let answer = site.post("/api/auth/register", account).await?;
    ensure!(
        answer.status == 201,
        "registering: {} {}",
        answer.status,
        answer.text()
    );
    token(&answer.json()?)
}

async fn sign_in(site: &Site, account: &Value) -> anyhow::Result<String> {
    let answer = site.post("/api/auth/login", account).await?;
    ensure!(
        answer.status == 200,
        "signing in as {} says: {} (remove the file for a new user)",
        ACCOUNT_FILE,
        answer.status
    );
    token(&answer.json()?)
}

fn token(answer: &Value) -> anyhow::Result<String> {
    let token = answer["token"]
        .as_str()
        .context("an answer without a token")?;
    Ok(token.to_owned())
}

/// Generates a lead; `number` makes its email address and phone number unique. The phone number is in the range
/// reserved for fiction (555-0100 to 555-0199).
fn lead(random: &mut StdRng, number: u16) -> Value {
    let first = FIRST[random.random_range(0..FIRST.len())];
    let last = LAST[random.random_range(0..LAST.len())];
    let (state, city, zip) = PLACES[random.random_range(0..PLACES.len())];
    let area = 201 + number / 100;
    json!({
        "name": format!("{first} {last}"),
        "firstName": first,
        "lastName": last,
        "email": format!("{}.{}{number}@example.com", first.to_lowercase(), last.to_lowercase()),
        "phone": format!("({area}) 555-01{:02}", number % 100),
        "state": state,
        "city": city,
        "zipcode": zip,
        "dob": format!("{:02}/{:02}/{}", random.random_range(1..=12), random.random_range(1..=28), random.random_range(1950..=2004)),
        "gender": if random.random_bool(0.5) { "Female" } else { "Male" },
        "height": format!("{}\u{2032}{}", random.random_range(5..=6), random.random_range(0..=11)),
        "weight": random.random_range(110..=240).to_string(),
        "disposition": DISPOSITIONS[random.random_range(0..DISPOSITIONS.len())],
        "notes": if random.random_bool(0.3) { "Asked to be called in the evening." } else { "" },
    })
}
