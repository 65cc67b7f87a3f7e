//! SQS's older protocol, AWS Query (Amazon SQS Developer Guide, "Making Query API requests using AWS
//! XML protocol"): a form goes out, XML comes back.

pub mod answer;
mod elements;

use std::fmt::{Display, Write};

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    call::Request,
    protocol::{AttributesRequest, BatchRequest, QueueUrlRequest, ReceiveRequest},
};

/// The only version of the service's interface that there is.
const VERSION: &str = "2012-11-05";
/// All but the unreserved characters (RFC 3986, section 2.3) is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The parameters of a call, as they are sent.
pub(super) struct Form {
    action: &'static str,
    text: String,
}

impl Form {
    /// A call of this action, with no parameter yet.
    pub(super) fn new(action: &'static str) -> Self {
        Self {
            action,
            text: format!("Action={action}&Version={VERSION}"),
        }
    }

    /// What is sent.
    pub(super) fn into_body(self) -> Bytes {
        self.text.into()
    }

    fn set(&mut self, name: impl Display, value: impl Display) {
        let value = value.to_string();
        let value = utf8_percent_encode(&value, ESCAPED);
        write!(self.text, "&{name}={value}").expect("a String takes everything");
    }

    /// A list, which is flat: its elements are counted from 1.
    fn set_all(&mut self, name: &str, values: &[&str]) {
        for (place, value) in (1..).zip(values) {
            self.set(format_args!("{name}.{place}"), value);
        }
    }
}

impl Request for QueueUrlRequest<'_> {
    fn fill(&self, form: &mut Form) {
        form.set("QueueName", self.queue_name);
    }
}

impl Request for AttributesRequest<'_> {
    fn fill(&self, form: &mut Form) {
        form.set("QueueUrl", self.queue_url);
        form.set_all("AttributeName", self.attribute_names);
    }
}

impl Request for ReceiveRequest<'_> {
    fn fill(&self, form: &mut Form) {
        form.set("QueueUrl", self.queue_url);
        form.set("MaxNumberOfMessages", self.max_number_of_messages);
        form.set("WaitTimeSeconds", self.wait_time_seconds);
        form.set("VisibilityTimeout", self.visibility_timeout);
        form.set_all("AttributeName", self.attribute_names);
    }
}

impl Request for BatchRequest<'_> {
    fn fill(&self, form: &mut Form) {
        form.set("QueueUrl", self.queue_url);
        for (place, entry) in (1..).zip(&self.entries) {
            let entry_name = format!("{}RequestEntry.{place}", form.action);
            form.set(format_args!("{entry_name}.Id"), entry.id.0);
            form.set(
                format_args!("{entry_name}.ReceiptHandle"),
                entry.receipt_handle,
            );
            if let Some(seconds) = entry.visibility_timeout {
                form.set(format_args!("{entry_name}.VisibilityTimeout"), seconds);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::protocol::{BatchRequestEntry, Entry},
        *,
    };

    fn sent(action: &'static str, request: &impl Request) -> String {
        let mut form = Form::new(action);
        request.fill(&mut form);
        form.text
    }

    /// The example of the API reference (`ChangeMessageVisibilityBatch`), its handle with characters
    /// that a form has another meaning for.
    #[test]
    fn entries_of_a_batch_are_counted_from_one_and_their_values_escaped() {
        let entry = |place, receipt_handle| BatchRequestEntry {
            id: Entry(place),
            receipt_handle,
            visibility_timeout: Some(45),
        };
        let request = BatchRequest {
            queue_url: "http://localhost:4566/0/q",
            entries: vec![entry(0, "a+b/c=&é ~"), entry(1, "gfk")],
        };
        let entry = "&ChangeMessageVisibilityBatchRequestEntry";
        let expected = format!(
            "Action=ChangeMessageVisibilityBatch&Version=2012-11-05\
             &QueueUrl=http%3A%2F%2Flocalhost%3A4566%2F0%2Fq\
             {entry}.1.Id=0{entry}.1.ReceiptHandle=a%2Bb%2Fc%3D%26%C3%A9%20~\
             {entry}.1.VisibilityTimeout=45\
             {entry}.2.Id=1{entry}.2.ReceiptHandle=gfk{entry}.2.VisibilityTimeout=45"
        );
        assert_eq!(sent("ChangeMessageVisibilityBatch", &request), expected);
    }
}
