use super::*;
use proptest::prelude::*;

fn names(uri: &MongoUri) -> Vec<(&str, Option<u16>)> {
    uri.hosts
        .iter()
        .map(|host| (host.name.as_str(), host.port))
        .collect()
}

#[test]
fn usual_connection_strings_are_read() {
    let uri = parse(
        "mongodb://app:p%40ss@mongo.crokodial.test:27017/crokodial_prod?authSource=admin&tls=true",
    )
    .unwrap();
    assert_eq!(names(&uri), [("mongo.crokodial.test", Some(27017))]);
    assert_eq!(
        uri.database.as_ref().map(DatabaseName::as_str),
        Some("crokodial_prod")
    );
    assert!(uri.authenticated && !uri.srv);

    let uri =
        parse("mongodb+srv://app:x@Cluster0.ab1cd.mongodb.net/shop?retryWrites=true&w=majority")
            .unwrap();
    assert_eq!(names(&uri), [("cluster0.ab1cd.mongodb.net", None)]);
    assert!(uri.srv);

    let uri = parse("mongodb://u@a:1,b,[::1]:27018/").unwrap();
    assert_eq!(
        names(&uri),
        [("a", Some(1)), ("b", None), ("::1", Some(27018))]
    );
    assert_eq!(uri.database, None);

    let uri = parse("mongodb://localhost?replicaSet=rs0").unwrap();
    assert!(!uri.authenticated && uri.database.is_none());
    let azure = parse("mongodb://acct:a2V5@acct.mongo.example.net:10255/?ssl=true&appName=@acct@");
    assert!(
        azure.is_ok(),
        "an @ in an option is common where a user name precedes it"
    );
    for (uri, usable) in [
        ("mongodb://h/db?appName=a@b", false),
        (
            "mongodb://h/db?authMechanism=MONGODB-X509&appName=a@b",
            true,
        ),
        ("mongodb://h/db?authMechanism=MONGODB-X509&x=a@b", false),
    ] {
        assert_eq!(parse(uri).is_ok(), usable, "{uri}");
    }
    assert_eq!(
        parse("mongodb://h/caf%C3%A9")
            .unwrap()
            .database
            .unwrap()
            .as_str(),
        "café"
    );
}

#[test]
fn each_fault_has_its_own_answer() {
    for (text, error) in [
        ("", BadUri::Empty),
        ("mongodb://h/db\n", BadUri::Whitespace),
        ("\"mongodb://h/db\"", BadUri::Scheme),
        ("MONGODB_URI=mongodb://h", BadUri::Scheme),
        ("postgres://h/db", BadUri::Scheme),
        ("mongodb://", BadUri::Host),
        ("mongodb://u:p@", BadUri::Host),
        ("mongodb://a,,b/db", BadUri::Host),
        ("mongodb://a_-/db", BadUri::Host),
        ("mongodb://[::1/db", BadUri::Host),
        ("mongodb://%2Ftmp%2Fmongo.sock/db", BadUri::Host),
        ("mongodb://h:0/db", BadUri::Port),
        ("mongodb://h:/db", BadUri::Port),
        ("mongodb://h:+80/db", BadUri::Port),
        ("mongodb://h:65536/db", BadUri::Port),
        ("mongodb+srv://h.example.com:27017/db", BadUri::Srv),
        ("mongodb+srv://a.example.com,b.example.com/db", BadUri::Srv),
        ("mongodb://h/a.b", BadUri::Database),
        ("mongodb://h/a%zz", BadUri::Database),
        ("mongodb://h/a%FF", BadUri::Database),
        ("mongodb://h/a/b", BadUri::Database),
        ("mongodb://h/db?tls", BadUri::Options),
        ("mongodb://h/db?=x", BadUri::Options),
        ("mongodb://:p@h/db", BadUri::UserInfo),
        ("mongodb://u:p:q@h/db", BadUri::UserInfo),
        ("mongodb://u:100%@h/db", BadUri::UserInfo),
        ("mongodb://u:p#q@h/db", BadUri::UserInfo),
        ("mongodb://u:p[q@h/db", BadUri::UserInfo),
        ("mongodb://u:p]q@h/db", BadUri::UserInfo),
        ("mongodb://u#:p@h/db", BadUri::UserInfo),
        ("mongodb://u:1?appName=q@h/db", BadUri::UserInfo),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
    assert_eq!(
        parse(&format!("mongodb://{}/db", "h".repeat(MAX_LENGTH))),
        Err(BadUri::TooLong)
    );
}

#[test]
fn an_unescaped_password_is_refused_wherever_it_breaks() {
    for password in [
        "p@SECRET",
        "12/SECRET",
        "12?SECRET",
        "p:SECRET",
        "12/x?y=SECRET",
        "SECRET/",
        "1?SECRET=1",
        "x@SECRET/?a=b",
        "x@SECRET?a=b",
        "1?appName=SECRET",
        "#SECRET",
        "[SECRET]",
    ] {
        let error = parse(&format!(
            "mongodb://app:{password}@mongo.example.com:27017/db"
        ))
        .unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("SECRET"),
            "{password}"
        );
    }
}

proptest! {
    #[test]
    fn an_encoded_credential_is_accepted_and_never_shown(
        user in "[a-zA-Z0-9]{1,8}", password in "SECRET\\PC{0,16}", host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}", port in 1_u16..,
    ) {
        let encoded = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC);
        let uri = parse(&format!("mongodb://{user}X9:{encoded}@{host}:{port}/db?w=majority")).unwrap();
        prop_assert_eq!(names(&uri), [(host.as_str(), Some(port))]);
        let shown = format!("{uri:?}");
        prop_assert!(!shown.contains("SECRET") && !shown.contains("X9"));
    }

    /// A connection string with an unencoded password is rejected or parsed. In both cases, the output does not contain
    /// the password.
    #[test]
    fn a_raw_password_is_never_shown(before in "[!-~]{0,8}", after in "[!-~]{0,8}") {
        let shown = match parse(&format!("mongodb://app:{before}SECRET{after}@mongo.example.com:27017/db?w=1")) {
            Ok(uri) => format!("{uri:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.to_uppercase().contains("SECRET"), "{}", shown);
    }

    #[test]
    fn no_text_panics(text in "(mongodb(\\+srv)?://)?\\PC{0,60}") {
        let _ = parse(&text);
    }
}
