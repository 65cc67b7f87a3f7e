//! Key sets that AWS KMS wraps, on moto's KMS.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testkit::{Binary, Meddling, Moto, Proxy, Scene};

use crate::{
    IP, VEILSTREAM,
    folder::{Folder, done, refused, tokens},
};

/// A new key of moto's KMS: its ARN.
fn new_key() -> String {
    let script = "import boto3\nprint(boto3.client('kms').create_key()['KeyMetadata']['Arn'])";
    Moto::shared().script(script)
}

fn at(binary: Binary, endpoint: &str) -> Binary {
    binary.with("AWS_ENDPOINT_URL_KMS", endpoint)
}

fn with_moto(binary: Binary) -> Binary {
    at(binary, &Moto::shared().endpoint_url())
}

/// A key set that this key wraps.
async fn wrapped_with(key: &str) -> Folder {
    let folder = Folder::new();
    let path = folder.keyset().display().to_string();
    let create = ["keys", "create", &path, "--kms", key];
    done(with_moto(folder.binary()).run(&create).await);
    folder
}

fn ciphertext(keyset: &Value) -> String {
    let ciphertext = &keyset["wrapping"]["aws_kms"]["ciphertext"];
    ciphertext.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_run_opens_its_key_set_with_kms() {
    // GIVEN
    let scene = Scene::new(VEILSTREAM).await;
    let key = new_key();
    let folder = wrapped_with(&key).await;
    let path = folder.keyset().display().to_string();
    let binary = || {
        with_moto(scene.binary().without("VEILSTREAM_KEYSET"))
            .with("VEILSTREAM_KEYSET", &path)
            .with("VEILSTREAM_LOG", "debug")
    };
    scene.send(&json!({"user_id": "one", "ip": IP, "device_id": "1"}).to_string());

    // WHEN
    let checked = done(binary().run(&["check"]).await);
    let run = done(binary().run(&["run", "--once", "--output", "json"]).await);
    let sql = "SELECT masked_ip FROM user_logins";
    let token = scene.database.rows(sql).await.concat().remove(0).unwrap();

    // THEN
    assert_eq!(tokens(&binary(), "ip", &[IP]).await, [[token.clone()]]);
    let unmasked = done(binary().run(&["unmask", "--reason", "test", &token]).await);
    assert_eq!(unmasked.stdout.trim(), IP);
    let listed = done(binary().run(&["keys", "list"]).await);
    assert!(listed.stdout.contains(&key), "{}", listed.stdout);
    assert!(listed.stdout.lines().all(|line| line.chars().count() <= 80));
    done(binary().run(&["keys", "add"]).await);
    done(binary().run(&["keys", "promote", "2"]).await);
    assert_eq!(tokens(&binary(), "ip", &[IP]).await[0][1], token);

    // AND neither the key that wraps nor what KMS made of it is said anywhere
    let kek = decrypted(&folder.json());
    let ciphertext = ciphertext(&folder.json());
    for secret in [&kek, &ciphertext] {
        for said in [&checked, &run, &unmasked, &listed] {
            assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret));
        }
    }
    assert!(!folder.json().to_string().contains(&kek));
}

/// What moto decrypts the wrapping of a key set to, in base64, with the set's id as context.
fn decrypted(keyset: &Value) -> String {
    let script = format!(
        "import boto3, base64\n\
         blob = base64.b64decode('{}')\n\
         context = {{'veilstream:key_set': {}}}\n\
         opened = boto3.client('kms').decrypt(CiphertextBlob=blob, EncryptionContext=context)\n\
         assert len(opened['Plaintext']) == 32\n\
         print(base64.b64encode(opened['Plaintext']).decode())",
        ciphertext(keyset),
        keyset["id"],
    );
    Moto::shared().script(&script)
}

#[tokio::test]
async fn what_was_wrapped_for_another_key_set_or_by_another_key_does_not_open() {
    let (key, other_key) = (new_key(), new_key());
    let folder = wrapped_with(&key).await;
    let whole = folder.json();
    let of_other_set = ciphertext(&wrapped_with(&key).await.json());
    let of_other_key = ciphertext(&wrapped_with(&other_key).await.json());
    let cases: [(&str, Value); 3] = [
        ("InvalidCiphertextException", json!(of_other_set)),
        ("refuses Decrypt", json!(of_other_key)),
        (
            "refuses Decrypt",
            json!(STANDARD.encode("no ciphertext of anything")),
        ),
    ];
    for (words, ciphertext) in cases {
        let mut edited = whole.clone();
        edited["wrapping"]["aws_kms"]["ciphertext"] = ciphertext.clone();
        folder.write(&edited);
        let said = refused(with_moto(folder.binary()).run(&["keys", "list"]).await, 5);
        assert!(said.contains(words) && said.contains(&key), "{said}");
        assert!(!said.contains(ciphertext.as_str().unwrap()), "{said}");
    }
    // Nor does the other key open it where it is named in the file.
    let mut edited = whole.clone();
    edited["wrapping"]["aws_kms"]["key"] = json!(other_key);
    folder.write(&edited);
    refused(with_moto(folder.binary()).run(&["keys", "list"]).await, 5);
    folder.write(&whole);
    done(with_moto(folder.binary()).run(&["keys", "list"]).await);
}

#[tokio::test]
async fn an_alias_is_kept_as_the_key_that_it_stands_for() {
    let key = new_key();
    let script = format!(
        "import boto3\nboto3.client('kms').create_alias(AliasName='alias/veilstream-keys', TargetKeyId='{key}')"
    );
    Moto::shared().script(&script);
    let (account, _) = key.split_once(":key/").unwrap();
    let folder = wrapped_with(&format!("{account}:alias/veilstream-keys")).await;
    assert_eq!(folder.json()["wrapping"]["aws_kms"]["key"], json!(key));
}

#[tokio::test]
async fn a_refusal_of_kms_says_which_permission_is_missing() {
    let key = new_key();
    let folder = wrapped_with(&key).await;
    let proxy = Proxy::start(&Moto::shared().address(), |action| match action {
        "Decrypt" => Meddling::Refuse,
        _ => Meddling::Pass,
    })
    .await;
    let endpoint = proxy.before(&format!("{}/", Moto::shared().endpoint_url()));
    let said = refused(
        at(folder.binary(), &endpoint).run(&["keys", "list"]).await,
        5,
    );
    for words in ["AccessDeniedException", "kms:Decrypt", &key] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains(&ciphertext(&folder.json())), "{said}");

    // A new key set that could not be opened again is not written.
    let other = Folder::new();
    let path = other.keyset().display().to_string();
    let create = ["keys", "create", &path, "--kms", &key];
    refused(at(other.binary(), &endpoint).run(&create).await, 5);
    assert!(other.files().is_empty());
}

#[tokio::test]
async fn a_key_that_kms_does_not_have_makes_no_key_set() {
    let folder = Folder::new();
    let path = folder.keyset().display().to_string();
    let none = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000";
    for (key, code, words) in [
        (none, 5, "NotFoundException"),
        ("alias/veilstream", 2, "ARN"),
        ("00000000-0000-0000-0000-000000000000", 2, "ARN"),
    ] {
        let create = ["keys", "create", &path, "--kms", key];
        let said = refused(with_moto(folder.binary()).run(&create).await, code);
        assert!(said.contains(words), "{said}");
    }
    assert!(folder.files().is_empty());
}

#[tokio::test]
async fn kms_that_is_away_or_silent_ends_a_start_within_bounds() {
    let folder = wrapped_with(&new_key()).await;
    // It takes connections and never says a word.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = {
        let address = away.local_addr().unwrap();
        drop(away);
        format!("http://{address}")
    };
    for endpoint in [away, silent] {
        let began = Instant::now();
        let said = refused(
            at(folder.binary(), &endpoint).run(&["run", "--once"]).await,
            5,
        );
        assert!(began.elapsed() < Duration::from_secs(40));
        assert!(said.contains("KMS is not reached"), "{said}");
    }
    drop(listener);
    let nonsense = at(folder.binary(), "localhost")
        .run(&["keys", "list"])
        .await;
    assert!(refused(nonsense, 5).contains("AWS_ENDPOINT_URL_KMS"));
}

/// The answer is the key that wraps the key set.
#[tokio::test]
async fn aws_kms_is_not_asked_in_clear_on_another_machine() {
    let folder = Folder::new();
    let path = folder.keyset().display().to_string();
    let key = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000";
    let create = ["keys", "create", &path, "--kms", key];
    let said = refused(
        at(folder.binary(), "http://192.0.2.2:9802")
            .run(&create)
            .await,
        5,
    );
    assert!(said.contains("write https://"), "{said}");
}
