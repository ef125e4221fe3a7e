"""May this caller do this, for this institution, in this region? Answered inside your own process.

doorward keeps the API keys of your tenants and the rules that each of them must follow, in memory, in a SQLite file or in
PostgreSQL. ``Doorward`` is the handle; ``doorward.aio`` has the same for asyncio.

>>> import doorward
>>> with doorward.Doorward.open() as door:
...     acme = door.create_institution("Acme Bank", regions=["US", "SG"])
...     created = door.create_key(acme.id, label="backend", role="admin")
...     rules = {"position": {"minAmount": 100, "maxAmount": "5000.00", "allowedCurrencies": ["USD", "SGD"]}}
...     policy = door.upsert_policy(acme.id, "US", rules)
...     match door.verify(created.token.reveal()):
...         case doorward.Granted(context):
...             session = door.session(context, request=doorward.Request(method="POST", path="/v1/orders"))
...             print(session.check_position(acme.id, "US", doorward.Position("5000.01", "USD")).violations)
...         case doorward.Refused(reason):
...             print("401, because", reason)
(Violation(code='above_max', limit='5000', value='5000.01'),)
"""

from ._doorward import (
    Admission,
    ApiKey,
    AuditEvent,
    AuthContext,
    CreatedKey,
    Credentials,
    Decision,
    Doorward,
    Granted,
    Health,
    ImportConflict,
    ImportReport,
    Institution,
    MetricsSnapshot,
    OperationCount,
    OperationLatency,
    Page,
    Policy,
    PolicyVersion,
    RateLimit,
    RateLimitStatus,
    Refused,
    Request,
    Session,
    Token,
    Violation,
    __version__,
)
from .arguments import ImportedKey, NewKey, Position
from .errors import (
    ClosedError,
    ConfigError,
    ConflictError,
    DatabaseError,
    DoorwardError,
    ForbiddenError,
    InternalError,
    NotFoundError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
    ValidationError,
)
from .words import (
    DefaultDecision,
    ErrorKind,
    HistoryAction,
    KeyStatus,
    Order,
    Outcome,
    PolicySource,
    Region,
    Role,
    ViolationCode,
)

__all__ = [
    "Admission",
    "ApiKey",
    "AuditEvent",
    "AuthContext",
    "ClosedError",
    "ConfigError",
    "ConflictError",
    "CreatedKey",
    "Credentials",
    "DatabaseError",
    "Decision",
    "DefaultDecision",
    "Doorward",
    "DoorwardError",
    "ErrorKind",
    "ForbiddenError",
    "Granted",
    "Health",
    "HistoryAction",
    "ImportConflict",
    "ImportReport",
    "ImportedKey",
    "Institution",
    "InternalError",
    "KeyStatus",
    "MetricsSnapshot",
    "NewKey",
    "NotFoundError",
    "OperationCount",
    "OperationLatency",
    "Order",
    "Outcome",
    "Page",
    "Policy",
    "PolicySource",
    "PolicyVersion",
    "Position",
    "RateLimit",
    "RateLimitStatus",
    "RateLimitedError",
    "Refused",
    "Region",
    "Request",
    "Role",
    "Session",
    "Token",
    "UnauthenticatedError",
    "UnavailableError",
    "ValidationError",
    "Violation",
    "ViolationCode",
    "__version__",
]
