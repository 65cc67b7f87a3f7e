"""Drives every action with boto3, which checks the MD5 of what it receives itself."""

import sys

import boto3
from botocore.config import Config

endpoint = sys.argv[1]
sqs = boto3.client("sqs", endpoint_url=endpoint, config=Config(retries={"max_attempts": 0}))

url = sqs.create_queue(QueueName="login-queue", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
assert url == endpoint + "/000000000000/login-queue", url
assert sqs.get_queue_url(QueueName="login-queue")["QueueUrl"] == url
assert sqs.list_queues()["QueueUrls"] == [url]
pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1})
assert [u for page in pages for u in page.get("QueueUrls", [])] == [url]

body = '{"user_id": "424cdd21", "ip": "199.172.111.135", "name": "Grüße 🦀"}'
sent = sqs.send_message(
    QueueUrl=url,
    MessageBody=body,
    MessageAttributes={
        "a": {"DataType": "String", "StringValue": "ü"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    },
)
batch = sqs.send_message_batch(
    QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": body} for i in range(9)]
)
assert len(batch["Successful"]) == 9 and "Failed" not in batch, batch

received = sqs.receive_message(
    QueueUrl=url,
    MaxNumberOfMessages=10,
    WaitTimeSeconds=1,
    AttributeNames=["All"],
    MessageAttributeNames=["All"],
)["Messages"]
assert [m["Body"] for m in received] == [body] * 10
first = received[0]
assert first["MessageId"] == sent["MessageId"]
assert first["MessageAttributes"]["b"]["BinaryValue"] == b"\x00\xff"
assert first["Attributes"]["ApproximateReceiveCount"] == "1"
assert "Messages" not in sqs.receive_message(QueueUrl=url)

handles = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(received)]
changed = sqs.change_message_visibility_batch(
    QueueUrl=url, Entries=[{**h, "VisibilityTimeout": 60} for h in handles]
)
assert len(changed["Successful"]) == 10, changed
sqs.change_message_visibility(
    QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=90
)
sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
deleted = sqs.delete_message_batch(QueueUrl=url, Entries=handles[1:])
assert len(deleted["Successful"]) == 9, deleted

sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1"})
attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
assert attributes["DelaySeconds"] == "1", attributes
assert attributes["ApproximateNumberOfMessages"] == "0", attributes
sqs.purge_queue(QueueUrl=url)

other = sqs.create_queue(QueueName="other")["QueueUrl"]
sqs.delete_queue(QueueUrl=other)
try:
    sqs.send_message(QueueUrl=other, MessageBody="x")
    raise SystemExit("the queue is deleted")
except sqs.exceptions.QueueDoesNotExist as error:
    code = error.response["Error"]["Code"]
    assert code == "AWS.SimpleQueueService.NonExistentQueue", code

print("done")
