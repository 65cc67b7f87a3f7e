"""SQS to PostgreSQL as well as Python does it without a framework.

A pool of threads, each with its own connection: receive ten, load them in one transaction with one
INSERT, and only after its commit delete them with one call. What is no login event is logged and
deleted. What fails is rolled back and comes again when its visibility time-out is over; a crash
between commit and delete loads ten messages twice.

Environment: QUEUE_URL, DATABASE_URL, MASK_KEY (64 bytes in hexadecimal digits), AWS_*
"""

import base64
import json
import logging
import os
import signal
import threading
from datetime import datetime, timezone

import boto3
import psycopg2
from botocore.config import Config
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from psycopg2.extras import execute_values

INSERT = """
    INSERT INTO user_logins (user_id, device_type, masked_ip, masked_device_id, locale, app_version,
                             create_date)
    VALUES %s
"""
# Enough to wait for queue and database at once, while one at a time has the interpreter.
THREADS = 16

log = logging.getLogger("well_made")
stopping = threading.Event()


class Worker:
    """One thread of the pool, with what it must not share."""

    def __init__(self, sqs):
        self.sqs = sqs
        self.queue_url = os.environ["QUEUE_URL"]
        self.siv = AESSIV(bytes.fromhex(os.environ["MASK_KEY"]))
        self.connection = None

    def run(self):
        while not stopping.is_set():
            try:
                self.one_batch()
            except Exception as error:
                log.error("a batch failed and will come again: %s", type(error).__name__)
                self.disconnect()
                stopping.wait(1)

    def one_batch(self):
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=20,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        messages = answer.get("Messages")
        if not messages:
            return
        rows = [row for row in map(self.row, messages) if row]
        if rows:
            self.load(rows)
        self.delete(messages)

    def row(self, message):
        """The values of a message; None if it is no login event."""
        try:
            event = json.loads(message["Body"])
            version = event.get("app_version")
            sent = int(message["Attributes"]["SentTimestamp"]) / 1000
            return (
                event["user_id"],
                event.get("device_type"),
                self.mask(event["ip"]),
                self.mask(event["device_id"]),
                event.get("locale"),
                int(version.replace(".", "")) if version else None,
                datetime.fromtimestamp(sent, timezone.utc).date(),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("message %s is no login event", message["MessageId"])
            return None

    def mask(self, value):
        return base64.urlsafe_b64encode(self.siv.encrypt(value.encode(), None)).decode()

    def load(self, rows):
        if self.connection is None:
            self.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        with self.connection, self.connection.cursor() as cursor:
            execute_values(cursor, INSERT, rows)

    def delete(self, messages):
        answer = self.sqs.delete_message_batch(
            QueueUrl=self.queue_url,
            Entries=[
                {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]}
                for place, message in enumerate(messages)
            ],
        )
        if failed := answer.get("Failed"):
            log.error("%d messages were not deleted and will come again", len(failed))

    def disconnect(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def main():
    logging.basicConfig(level=logging.WARNING)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    # A client can be used by many threads at once, if it has a connection for each.
    sqs = boto3.client("sqs", config=Config(max_pool_connections=THREADS))
    threads = [threading.Thread(target=Worker(sqs).run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
