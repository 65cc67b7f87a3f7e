//! Where the SQS service is: endpoint and region, from what was set and from the queue's URL.

use http::Uri;

use crate::config::address::{check_endpoint_url, check_queue_url};

/// The endpoint to talk to and the region to sign for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The service's URL; requests go to its path, `/` if it has none.
    pub endpoint: Uri,
    /// The AWS region.
    pub region: String,
}

/// Why no address could be made of the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The queue's URL is malformed.
    #[error(
        "the queue URL: {0}; it looks like https://sqs.eu-central-1.amazonaws.com/123456789012/login-queue"
    )]
    QueueUrl(&'static str),
    /// The endpoint's URL is malformed.
    #[error("the endpoint URL: {0}; it looks like http://localhost:4566")]
    EndpointUrl(&'static str),
    /// The region cannot be part of a host name.
    #[error("the region is none; it looks like eu-central-1")]
    Region,
    /// Neither a queue URL nor an endpoint nor a region is set.
    #[error(
        "no queue is set: give --queue-url, set VEILSTREAM_QUEUE_URL, or write `url` under \
         [queue] in the configuration file"
    )]
    NoQueue,
    /// An AWS endpoint whose region is not known.
    #[error("no AWS region is set: set AWS_REGION, or write `region` under [queue]")]
    NoRegion,
}

impl Address {
    /// An endpoint that is set wins; else the queue URL's own origin is the endpoint, and with
    /// only a region it is that of AWS. A region that is set wins; else an AWS queue URL gives
    /// it, then `default_region` (of the environment or the profile); a service that is not AWS's
    /// does not care, and gets `us-east-1`.
    ///
    /// # Errors
    ///
    /// When a URL is malformed, or too little is set to know where to go.
    pub fn resolve(
        queue_url: Option<&str>,
        endpoint_url: Option<&str>,
        region: Option<&str>,
        default_region: Option<&str>,
    ) -> Result<Self, AddressError> {
        let queue = queue_url.map(parse_queue_url).transpose()?;
        let from_queue = queue.as_ref().and_then(Uri::host).and_then(aws_region);
        let known = region.or(from_queue).or(default_region);
        let endpoint = match (endpoint_url, &queue, known) {
            (Some(url), _, _) => parse_endpoint_url(url)?,
            (None, Some(queue), _) => origin(queue),
            (None, None, Some(region)) => aws_endpoint(region)?,
            (None, None, None) => return Err(AddressError::NoQueue),
        };
        let of_aws = endpoint.host().is_some_and(is_aws);
        let region = match (known, of_aws) {
            (Some(region), _) => region,
            (None, true) => return Err(AddressError::NoRegion),
            (None, false) => "us-east-1",
        };
        Ok(Self {
            endpoint,
            region: region.to_owned(),
        })
    }

    /// The host as it is sent and signed: without a port that is the scheme's own, which clients
    /// leave out (RFC 9110, section 7.2).
    pub fn host_header(&self) -> String {
        let host = self.endpoint.host().unwrap_or_default();
        let own = if self.endpoint.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        match self.endpoint.port_u16() {
            Some(port) if port != own => format!("{host}:{port}"),
            _ => host.to_owned(),
        }
    }

    /// Whether the endpoint is AWS's own.
    pub fn is_aws(&self) -> bool {
        self.endpoint.host().is_some_and(is_aws)
    }

    /// Whether the endpoint is on this very machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.endpoint)
    }
}

/// Whether the URL's host is this very machine.
pub(crate) fn is_loopback(url: &Uri) -> bool {
    is_loopback_host(url.host().unwrap_or_default())
}

/// Whether a host, a name or an address, is this very machine.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn parse_queue_url(url: &str) -> Result<Uri, AddressError> {
    check_queue_url(url).map_err(AddressError::QueueUrl)?;
    url.parse()
        .map_err(|_| AddressError::QueueUrl("it is no URL"))
}

fn parse_endpoint_url(url: &str) -> Result<Uri, AddressError> {
    check_endpoint_url(url).map_err(AddressError::EndpointUrl)?;
    url.parse()
        .map_err(|_| AddressError::EndpointUrl("it is no URL"))
}

fn aws_endpoint(region: &str) -> Result<Uri, AddressError> {
    if !region
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        return Err(AddressError::Region);
    }
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let url = format!("https://sqs.{region}.amazonaws.com{suffix}");
    url.parse().map_err(|_| AddressError::Region)
}

fn origin(url: &Uri) -> Uri {
    let mut parts = url.clone().into_parts();
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    Uri::from_parts(parts).expect("a URL with a scheme and a host stays one with another path")
}

fn is_aws(host: &str) -> bool {
    ["amazonaws.com", "amazonaws.com.cn", "api.aws"]
        .iter()
        .any(|domain| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
}

/// The region in a host name of AWS: `sqs.R.…`, `sqs-fips.R.…`, `R.queue.…` and VPC endpoints
/// `….sqs.R.vpce.…` (AWS General Reference, "Amazon SQS endpoints and quotas").
fn aws_region(host: &str) -> Option<&str> {
    if !is_aws(host) {
        return None;
    }
    let mut labels = host.split('.').peekable();
    while let Some(label) = labels.next() {
        match labels.peek() {
            Some(&next) if label == "sqs" || label == "sqs-fips" => {
                return next.contains('-').then_some(next);
            }
            Some(&"queue") if label.contains('-') => return Some(label),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(queue: &str) -> (String, String) {
        let address = Address::resolve(Some(queue), None, None, None).unwrap();
        (address.endpoint.to_string(), address.region)
    }

    #[test]
    fn an_aws_queue_url_gives_endpoint_and_region() {
        for (url, endpoint, region) in [
            (
                "https://sqs.eu-west-1.amazonaws.com/1/q",
                "https://sqs.eu-west-1.amazonaws.com/",
                "eu-west-1",
            ),
            (
                "https://eu-west-1.queue.amazonaws.com/1/q",
                "https://eu-west-1.queue.amazonaws.com/",
                "eu-west-1",
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/1/q",
                "https://sqs.cn-north-1.amazonaws.com.cn/",
                "cn-north-1",
            ),
            (
                "https://sqs-fips.us-gov-west-1.amazonaws.com/1/q",
                "https://sqs-fips.us-gov-west-1.amazonaws.com/",
                "us-gov-west-1",
            ),
            (
                "https://vpce-1-ab.sqs.us-east-2.vpce.amazonaws.com/1/q",
                "https://vpce-1-ab.sqs.us-east-2.vpce.amazonaws.com/",
                "us-east-2",
            ),
        ] {
            assert_eq!(resolved(url), (endpoint.to_owned(), region.to_owned()));
        }
    }

    #[test]
    fn another_queue_url_is_its_own_endpoint() {
        let (endpoint, region) = resolved("http://localhost:4566/000000000000/login-queue");
        assert_eq!(
            (endpoint.as_str(), region.as_str()),
            ("http://localhost:4566/", "us-east-1")
        );
        let impostor = resolved("https://sqs.eu-west-1.notamazonaws.com/1/q");
        assert_eq!(impostor.1, "us-east-1");
    }

    #[test]
    fn what_is_set_wins() {
        let queue = Some("https://sqs.eu-west-1.amazonaws.com/1/q");
        let address = Address::resolve(
            queue,
            Some("http://127.0.0.1:5000"),
            Some("us-west-2"),
            None,
        )
        .unwrap();
        assert_eq!(address.endpoint, "http://127.0.0.1:5000/");
        assert_eq!(address.region, "us-west-2");
        assert!(address.is_loopback());
        let from_profile = Address::resolve(None, None, None, Some("eu-north-1")).unwrap();
        assert_eq!(
            from_profile.endpoint,
            "https://sqs.eu-north-1.amazonaws.com/"
        );
        assert!(!from_profile.is_loopback());
    }

    #[test]
    fn too_little_or_malformed_settings_are_refused() {
        assert_eq!(
            Address::resolve(None, None, None, None),
            Err(AddressError::NoQueue)
        );
        assert_eq!(
            Address::resolve(Some("https://queue.amazonaws.com/1/q"), None, None, None),
            Err(AddressError::NoRegion)
        );
        let refused = Address::resolve(Some("login-queue"), None, None, None);
        assert!(matches!(refused, Err(AddressError::QueueUrl(_))));
        let refused = Address::resolve(None, Some("localhost:4566"), None, None);
        assert!(matches!(refused, Err(AddressError::EndpointUrl(_))));
        let refused = Address::resolve(None, None, Some("eu/central"), None);
        assert_eq!(refused, Err(AddressError::Region));
    }
}
