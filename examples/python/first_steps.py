"""First steps with doorward: read it from above to below, and run it as it is.

    python examples/python/first_steps.py

Editors show each part that begins with ``# %%`` as a cell of a notebook. Everything here lives in memory and is gone afterwards.
"""

# %% A door. `store="sqlite"` or `store="postgres"` with a `database_url` keeps what you put in.
import doorward

door = doorward.Doorward.open()

# %% A tenant, and a key for it. Your own code sets things up: no caller is there yet, and nobody's permission is asked.
acme = door.create_institution("Acme Bank", regions=["US", "SG"])
created = door.create_key(acme.id, label="back office", role="admin")

token = created.token.reveal()  # The secret. Hand it over now: it is not stored, and nobody can read it again.
print("made     ", created.token, "for", acme.name)  # What may be shown of it is the hint.

# %% The rules that the tenant must follow in a region. Amounts are exact decimals: a text, a Decimal or an int, never a float.
rules = {"position": {"minAmount": 100, "maxAmount": "5000.00", "allowedCurrencies": ["USD", "EUR"]}}
policy = door.upsert_policy(acme.id, "US", rules)
print("rules    ", policy.config, "version", policy.version)

# %% A request comes in with its headers. Who is it?
headers = {"Host": "api.acme.example", "Authorization": f"Bearer {token}"}
credentials = doorward.Credentials.from_headers(headers)
request = doorward.Request(method="POST", path="/v1/orders", request_id="req-1", peer="192.0.2.7")

caller = door.authenticate(credentials, request=request)
print("caller   ", caller.role, "of", caller.institution_id)

# %% Where refusals are nothing special, `verify` answers without raising.
for presented in (token, "dw_live_mistyped", "ak_nobodys"):
    match door.verify(presented):
        case doorward.Granted(context):
            print("granted  ", context.role)
        case doorward.Refused(reason):
            print("refused  ", reason)

# %% What the caller does goes through a session: it checks what the role may do, acts, and writes the audit trail.
session = door.session(caller, request=request)
for position in (doorward.Position("1250.50", "USD"), doorward.Position("5000.01", "JPY")):
    decision = session.check_position(acme.id, "US", position)
    print("decision ", position.amount, position.currency, "->", "allowed" if decision else decision.violations)

# %% A key that may only read changes nothing.
reader = door.create_key(acme.id, label="dashboard", role="read_only")
with_reader = door.session(door.authenticate(reader.token.reveal()))
try:
    with_reader.delete_policy(acme.id, "US")
except doorward.ForbiddenError as error:
    print("forbidden", error.reason)

# %% Two people change the same policy: the second one is told, and nothing is lost.
door.merge_policy(acme.id, "US", {"position": {"maxAmount": 8000}}, expected_version=policy.version)
try:
    door.merge_policy(acme.id, "US", {"position": {"maxAmount": 6000}}, expected_version=policy.version)
except doorward.ConflictError as error:
    print("conflict ", error.reason)

# %% A key's life: a successor takes over while the old token stays good for an hour; revoking is the end.
successor = door.rotate_key(acme.id, created.record.id, grace=3600)
print("both good", bool(door.verify(token)), bool(door.verify(successor.token.reveal())))
door.revoke_key(acme.id, created.record.id)
print("one good ", bool(door.verify(token)), bool(door.verify(successor.token.reveal())))

# %% Everything that was changed or refused is in the audit trail.
for event in door.list_audit_events(acme.id, limit=100, order="oldest_first"):
    print("audit    ", event.sequence, event.actor[:12], event.action, event.outcome, event.error or "")

# %% The same for asyncio: `doorward.aio.Doorward`, or a door that you have already.
import asyncio  # noqa: E402


async def many() -> list[bool]:
    awaited = door.to_async()
    answers = await asyncio.gather(*(awaited.verify(t) for t in (token, successor.token.reveal())))
    return [bool(answer) for answer in answers]


print("asyncio  ", asyncio.run(many()))

# %% The end. `with doorward.Doorward.open() as door:` closes by itself.
door.close()
