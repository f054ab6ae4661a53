use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn password(text: &str) -> Password {
    Password::try_from(text.to_owned()).unwrap()
}

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_login_gives_a_token_that_names_its_holder_until_it_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    let accounts = Accounts::open(&path).unwrap();
    accounts.add(name("ada"), password("correct horse"), Role::Admin).await.unwrap();
    let session = accounts.log_in(name("ada"), password("correct horse"), HOUR).await.unwrap();
    // Another process reads the same file.
    let other = Accounts::open(&path).unwrap();
    let holder = other.holder(session.token.clone()).await.unwrap();
    assert_eq!(holder, Some(Person { name: "ada".into(), role: Role::Admin }));
    let stranger = Token::of_header("Bearer lab_guess").unwrap();
    assert_eq!(other.holder(stranger).await.unwrap(), None);
    accounts.log_out(session.token.clone()).await.unwrap();
    assert_eq!(other.holder(session.token).await.unwrap(), None);
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&folder.path().join("accounts.db")).unwrap();
    accounts.add(name("ada"), password("correct horse"), Role::User).await.unwrap();
    let session = accounts.log_in(name("ada"), password("correct horse"), Duration::ZERO).await.unwrap();
    assert_eq!(accounts.holder(session.token).await.unwrap(), None);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_refused_with_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&folder.path().join("accounts.db")).unwrap();
    accounts.add(name("ada"), password("correct horse"), Role::User).await.unwrap();
    let wrong = accounts.log_in(name("ada"), password("incorrect horse"), HOUR).await.unwrap_err();
    let unknown = accounts.log_in(name("bob"), password("nobody has this one"), HOUR).await.unwrap_err();
    assert!(matches!(wrong, AccountError::Refused), "{wrong}");
    assert!(matches!(unknown, AccountError::Refused), "{unknown}");
    assert_eq!(wrong.to_string(), unknown.to_string());
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&folder.path().join("accounts.db")).unwrap();
    let (first, second) = tokio::join!(
        accounts.add(name("ada"), password("correct horse"), Role::User),
        accounts.add(name("ada"), password("another horse"), Role::Admin),
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(accounts.people(String::new(), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn neither_a_password_nor_a_token_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    let accounts = Accounts::open(&path).unwrap();
    accounts.add(name("ada"), password("correct horse"), Role::User).await.unwrap();
    let session = accounts.log_in(name("ada"), password("correct horse"), HOUR).await.unwrap();
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        kept.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let has = |text: &str| kept.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(has("ada") && has("$argon2id$"), "the files that were looked at are not the accounts");
    let part_of_token = &session.token.reveal()[4..20];
    assert!(!has("correct horse") && !has(part_of_token));
    assert!(!format!("{session:?}").contains(session.token.reveal()));
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let error = Accounts::open(&path).err().unwrap();
    assert!(matches!(error, AccountError::Foreign { .. }), "{error}");
    std::fs::write(&path, "no database at all, whatever its name says").unwrap();
    assert!(matches!(Accounts::open(&path).err().unwrap(), AccountError::Open { .. }));
}

#[test]
fn names_and_passwords_have_their_limits() {
    assert!("ada-1.x_y".parse::<Name>().is_ok());
    for text in ["", "Ada", "a b", "ä", "a\n", &"a".repeat(65)] {
        assert!(text.parse::<Name>().is_err(), "{text:?}");
    }
    assert!(Password::try_from("1234567".to_owned()).is_err());
    assert!(Password::try_from("x".repeat(201)).is_err());
}
