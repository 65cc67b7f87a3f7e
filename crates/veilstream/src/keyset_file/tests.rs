use std::{fs, fs::Permissions, os::unix::fs::PermissionsExt};

use masking::{Canonical, DomainSpec, KeysetId, Method, Zeroizing};

use super::*;

async fn open(path: &Path) -> Result<Keyset, KeysetFileError> {
    KeysetFile::new(path.to_owned(), PassphraseSource::Terminal)
        .open()
        .await
}

fn keyset() -> Keyset {
    let ip = DomainSpec {
        name: "ip".parse().unwrap(),
        method: Method::Siv { padded: false },
        canonical: Canonical::Ip,
    };
    Keyset::create(
        KeysetId::new([7; 8]),
        Zeroizing::new([7; 32]),
        "2026-01-01T00:00:00Z",
        vec![ip],
        None,
    )
    .unwrap()
}

#[tokio::test]
async fn a_key_set_is_written_for_its_owner_only_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyset.json");
    create(&path, &keyset()).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    assert!(open(&path).await.unwrap().domain("ip").is_some());

    let before = fs::read(&path).unwrap();
    assert!(matches!(
        create(&path, &keyset()),
        Err(KeysetFileError::Exists { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_key_set_that_others_can_read_or_the_group_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyset.json");
    create(&path, &keyset()).unwrap();
    for (mode, fine) in [
        (0o400, true),
        (0o440, true),
        (0o600, true),
        (0o640, true),
        (0o644, false),
        (0o660, false),
        (0o604, false),
        (0o601, false),
    ] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let result = open(&path).await;
        assert_eq!(result.is_ok(), fine, "{mode:o}");
        if let Err(error) = result {
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
}

#[tokio::test]
async fn missing_and_damaged_files_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyset.json");
    let missing = open(&path).await.unwrap_err();
    assert!(
        missing.to_string().contains("veilstream keys create"),
        "{missing}"
    );
    create(&path, &keyset()).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(
        open(&path).await,
        Err(KeysetFileError::Invalid { .. })
    ));
    fs::write(&path, b"").unwrap();
    assert!(matches!(
        open(&path).await,
        Err(KeysetFileError::Invalid { .. })
    ));
    assert!(matches!(
        open(folder.path()).await,
        Err(KeysetFileError::Unreadable { .. })
    ));
}
