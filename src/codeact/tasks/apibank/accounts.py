"""Accounts: tokens and passwords."""

from __future__ import annotations

from typing import Literal

from codeact.tasks.apibank.api import Api, Checker, Words
from codeact.tasks.apibank.world import LETTERS, CallError, World

DOMAIN = "account"

CODE = 970420  # the one verification code that was ever sent


def get_user_token(world: World, username: Words, password: Words) -> dict[str, str]:
    """Get the token with which a user's data can be reached.

    Args:
        username: Name of the user.
        password: Password of the user.
    """
    account = world.table("Account").get(username)
    if account is None:
        raise CallError(f"there is no user {username!r}")
    if account["password"] != password:
        raise CallError("the password is wrong")
    return {"token": account["token"]}


def register_user(world: World, username: Words, password: Words, email: Words) -> dict[str, str]:
    """Make an account for a new user, and get its token.

    Args:
        username: Name of the new user.
        password: Password of the new user.
        email: E-mail address of the new user.
    """
    accounts = world.table("Account")
    if username in accounts:
        raise CallError(f"there is already a user {username!r}")
    earlier = world.replayed
    token = earlier["token"] if earlier else world.new_id(LETTERS, 18, username)
    accounts[username] = {"password": password, "token": token, "email": email}
    return {"token": token}


def delete_account(world: World, token: Words) -> dict[str, str]:
    """Delete a user's account.

    Args:
        token: Token of the user.
    """
    del world.table("Account")[world.user(token)]
    return {"status": "success"}


def modify_password(world: World, token: Words, old_password: Words, new_password: Words) -> dict[str, str]:
    """Change the password of an account.

    Args:
        token: Token of the user.
        old_password: The password so far.
        new_password: The password from now on.
    """
    account = world.table("Account")[world.user(token)]
    if account["password"] != old_password:
        raise CallError("the old password is wrong")
    account["password"] = new_password
    return {"status": "success"}


def forgot_password(
    world: World,
    status: Literal["Forgot Password", "Verification Code"],
    username: Words | None = None,
    email: Words | None = None,
    verification_code: int | None = None,
    new_password: Words | None = None,
) -> int | str:
    """Set a new password without the old one. This takes two calls: one that has a verification code sent, and, once
    the code is known, one that sets the password.

    Args:
        status: "Forgot Password" in the first call, "Verification Code" in the second.
        username: Name of the user; in the first call only.
        email: E-mail address of the user; in the first call only.
        verification_code: The code that was sent; in the second call only.
        new_password: The password from now on; in the second call only.
    """
    if status == "Forgot Password":
        return _send_code(world, username, email)
    asked = world.table("asked for a code").get("username")
    if asked is None:
        raise CallError('call with the status "Forgot Password" first')
    if verification_code != CODE or new_password is None:
        raise CallError("the verification code is wrong" if new_password else "there is no new password")
    world.table("Account")[asked]["password"] = new_password
    return "success"


def _send_code(world: World, username: str | None, email: str | None) -> int:
    account = world.table("Account").get(username or "")
    if account is None or account["email"] != email:
        raise CallError("there is no user of this name and e-mail address")
    world.table("asked for a code")["username"] = username
    return CODE


APIS = (
    Api(name="GetUserToken", domain=DOMAIN, run=get_user_token),
    Api(name="RegisterUser", domain=DOMAIN, run=register_user, checker=Checker(output=None)),
    Api(name="DeleteAccount", domain=DOMAIN, run=delete_account),
    Api(name="ModifyPassword", domain=DOMAIN, run=modify_password),
    Api(name="ForgotPassword", domain=DOMAIN, run=forgot_password),
)
