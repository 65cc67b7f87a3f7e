"""SQS to PostgreSQL as it is commonly written: a message at a time.

One INSERT and one commit a message, then one DeleteMessage. What is no login event is logged and
deleted. A crash between commit and delete loads a message twice.

Environment: QUEUE_URL, DATABASE_URL, MASK_KEY (64 bytes in hexadecimal digits), AWS_*
"""

import base64
import json
import logging
import os
from datetime import datetime, timezone

import boto3
import psycopg2
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

INSERT = """
    INSERT INTO user_logins (user_id, device_type, masked_ip, masked_device_id, locale, app_version,
                             create_date)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

siv = AESSIV(bytes.fromhex(os.environ["MASK_KEY"]))


def mask(value):
    return base64.urlsafe_b64encode(siv.encrypt(value.encode(), None)).decode()


def row(message):
    event = json.loads(message["Body"])
    sent = int(message["Attributes"]["SentTimestamp"]) / 1000
    version = event.get("app_version")
    return (
        event["user_id"],
        event.get("device_type"),
        mask(event["ip"]),
        mask(event["device_id"]),
        event.get("locale"),
        int(version.replace(".", "")) if version else None,
        datetime.fromtimestamp(sent, timezone.utc).date(),
    )


def main():
    queue_url = os.environ["QUEUE_URL"]
    sqs = boto3.client("sqs")
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=20,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        for message in answer.get("Messages", []):
            try:
                values = row(message)
            except (ValueError, KeyError, AttributeError):
                logging.warning("message %s is no login event", message["MessageId"])
            else:
                with connection.cursor() as cursor:
                    cursor.execute(INSERT, values)
                connection.commit()
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    main()
