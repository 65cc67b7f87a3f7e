"""Takes 24 messages from a canned queue of 25 with boto3, which checks the MD5 of each itself."""

import sys
import uuid

import boto3
from botocore.config import Config

endpoint = sys.argv[1]
sqs = boto3.client("sqs", endpoint_url=endpoint, config=Config(retries={"max_attempts": 0}))
url = sqs.get_queue_url(QueueName="login-queue")["QueueUrl"]


def attributes():
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


assert attributes()["ApproximateNumberOfMessages"] == "25"
assert attributes()["VisibilityTimeout"] == "30"
assert attributes()["QueueArn"] == "arn:aws:sqs:us-east-1:000000000000:login-queue"

ids = set()
for count in [1, 9, 10, 4]:
    answer = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=count, AttributeNames=["SentTimestamp"]
    )
    assert answer["ResponseMetadata"]["RequestId"], answer
    received = answer["Messages"]
    assert len(received) == count
    for message in received:
        ids.add(uuid.UUID(message["MessageId"]))
        assert message["Attributes"]["SentTimestamp"].isdigit()
    handles = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(received)]
    longer = [{**handle, "VisibilityTimeout": 60} for handle in handles]
    changed = sqs.change_message_visibility_batch(QueueUrl=url, Entries=longer)
    assert len(changed["Successful"]) == count, changed
    if count == 1:
        handle = handles[0]["ReceiptHandle"]
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    else:
        deleted = sqs.delete_message_batch(QueueUrl=url, Entries=handles)
        assert len(deleted["Successful"]) == count, deleted
assert len(ids) == 24
assert attributes()["ApproximateNumberOfMessages"] == "1"

print("done")
