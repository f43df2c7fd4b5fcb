"""The errors that the service answers with."""


class Refusal(Exception):
    """Reaches the caller as botocore's ClientError."""

    def __init__(self, message, code="ValidationException", status=400, **fields):
        super().__init__(message)
        self.message, self.code, self.status, self.fields = message, code, status, fields


def in_use(message):
    return Refusal(message, "ResourceInUse")


def not_found(message="Requested resource not found."):
    return Refusal(message)
