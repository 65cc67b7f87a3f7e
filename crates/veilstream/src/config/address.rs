//! What the addresses in the file, in flags and in the environment must look like.

use http::Uri;

/// The longest name of a queue, `.fifo` included (Amazon SQS Developer Guide, "Queue quotas").
const LONGEST_QUEUE_NAME: usize = 80;

/// Checks the URL of a queue: http or https, and a path that ends in the queue's name.
///
/// # Errors
///
/// What is wrong with it. The URL is not repeated: it may hold a password.
pub fn check_queue_url(url: &str) -> Result<(), &'static str> {
    let uri = plain_http(url)?;
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if stem.is_empty() {
        Err("the URL does not end in a queue's name")
    } else if name.len() > LONGEST_QUEUE_NAME || !stem.chars().all(fits) {
        Err("the URL ends in what is no queue's name (letters, digits, - and _, at most 80)")
    } else {
        Ok(())
    }
}

/// Checks the address of an SQS service: http or https, without a query.
///
/// # Errors
///
/// What is wrong with it. The URL is not repeated: it may hold a password.
pub fn check_endpoint_url(url: &str) -> Result<(), &'static str> {
    plain_http(url).map(|_| ())
}

/// An http or https URL with a host, and neither credentials, query nor fragment.
fn plain_http(url: &str) -> Result<Uri, &'static str> {
    let no_url = "this is no http:// or https:// URL";
    let uri: Uri = url.parse().map_err(|_| no_url)?;
    let authority = uri.authority().ok_or(no_url)?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.host().is_empty() {
        Err(no_url)
    } else if authority.as_str().contains('@') {
        Err(
            "credentials do not belong in this URL; AWS credentials come from the environment, \
             a profile or a role",
        )
    } else if uri.query().is_some() || url.contains('#') {
        Err("this URL takes neither a ? query nor a # fragment")
    } else {
        Ok(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_urls_of_aws_and_its_stand_ins_are_taken() {
        for url in [
            "https://sqs.eu-central-1.amazonaws.com/123456789012/login-queue",
            "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo",
            "http://localhost:4566/000000000000/login-queue",
            "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q",
            "http://[::1]:4566/000000000000/q_1",
            "HTTP://127.0.0.1:9324/queue/q",
        ] {
            assert_eq!(check_queue_url(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn other_queue_urls_are_refused_and_never_repeated() {
        for (url, reason) in [
            ("login-queue", "no http://"),
            ("/123456789012/login-queue", "no http://"),
            (
                "arn:aws:sqs:eu-central-1:123456789012:login-queue",
                "no http://",
            ),
            ("ftp://localhost/1/q", "no http://"),
            ("http:///1/q", "no http://"),
            (
                "https://sqs.eu-central-1.amazonaws.com",
                "does not end in a queue's name",
            ),
            (
                "https://sqs.eu-central-1.amazonaws.com/1/",
                "does not end in a queue's name",
            ),
            ("http://localhost/1/.fifo", "does not end in a queue's name"),
            ("http://localhost/1/q.x", "no queue's name"),
            ("http://localhost/1/q?a=b", "query"),
            ("http://localhost/1/q#a", "fragment"),
            ("http://joe:hunter2@localhost/1/q", "credentials"),
        ] {
            let problem = check_queue_url(url).unwrap_err();
            assert!(problem.contains(reason), "{url}: {problem}");
            assert!(!problem.contains("hunter2"));
        }
        let long = format!("http://localhost/1/{}", "q".repeat(81));
        assert!(check_queue_url(&long).unwrap_err().contains("at most 80"));
    }

    #[test]
    fn an_endpoint_needs_no_path_and_takes_no_query() {
        assert_eq!(check_endpoint_url("http://localhost:4566"), Ok(()));
        assert_eq!(
            check_endpoint_url("https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com/"),
            Ok(())
        );
        assert!(check_endpoint_url("localhost:4566").is_err());
        assert!(check_endpoint_url("http://localhost:4566?x=1").is_err());
    }
}
