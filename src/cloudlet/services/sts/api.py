"""Who a caller or a key is, and session tokens for users."""

from __future__ import annotations

from time import time

from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied, ValidationError
from cloudlet.aws.models import sts as shapes
from cloudlet.aws.service import operation
from cloudlet.services.iam import ids
from cloudlet.services.iam.identities import IdentityStore, SessionPrincipal
from cloudlet.services.iam.seal import Session
from cloudlet.services.sts.errors import InvalidAuthorizationMessage

Sts = Context[IdentityStore]

#: GetSessionToken: seconds by default for users, and the most for the root.
_SESSION_S = 43200
_ROOT_SESSION_S = 3600


@operation("GetCallerIdentity", action="")
async def get_caller_identity(
    ctx: Sts,
    req: shapes.GetCallerIdentityRequest,  # noqa: ARG001 - it has no members
) -> shapes.GetCallerIdentityResponse:
    """Who the caller is; needs no permission, and no policy can deny it."""
    principal = ctx.principal
    return shapes.GetCallerIdentityResponse(
        user_id=principal.user_id, account=principal.account, arn=principal.arn
    )


@operation("GetAccessKeyInfo")
async def get_access_key_info(
    ctx: Sts, req: shapes.GetAccessKeyInfoRequest
) -> shapes.GetAccessKeyInfoResponse:
    """The account of an access key id, which is in the id itself."""
    known = ctx.service.credential(req.access_key_id)
    account = known.principal.account if known else ids.account_of(req.access_key_id)
    if not account:
        raise ValidationError(f"{req.access_key_id} is not a valid access key id.")
    return shapes.GetAccessKeyInfoResponse(account=account)


@operation("GetSessionToken", action="")
async def get_session_token(
    ctx: Sts, req: shapes.GetSessionTokenRequest
) -> shapes.GetSessionTokenResponse:
    """Temporary credentials of the caller, a user or the root; 12 hours unless asked otherwise."""
    principal = ctx.principal
    if isinstance(principal, SessionPrincipal) or principal.kind not in ("user", "root"):
        raise AccessDenied("Cannot call GetSessionToken with session credentials")
    duration = req.duration_seconds or _SESSION_S
    if principal.kind == "root":
        duration = min(duration, _ROOT_SESSION_S)
    issued = ctx.service.issue(
        Session(
            access_key_id=ids.access_key_id("ASIA", principal.account),
            kind=principal.kind,
            account=principal.account,
            expires_s=int(time()) + duration,
            name=principal.name,
            id=principal.user_id,
        )
    )
    assert issued.session_token is not None
    assert issued.expires_at is not None
    return shapes.GetSessionTokenResponse(
        credentials=shapes.Credentials(
            access_key_id=issued.access_key_id,
            secret_access_key=issued.secret_key,
            session_token=issued.session_token,
            expiration=issued.expires_at,
        )
    )


@operation("DecodeAuthorizationMessage")
async def decode_authorization_message(
    ctx: Sts,  # noqa: ARG001
    req: shapes.DecodeAuthorizationMessageRequest,  # noqa: ARG001
) -> shapes.DecodeAuthorizationMessageResponse:
    """Always an error: no service here encodes its messages."""
    raise InvalidAuthorizationMessage("Message is invalid.")
