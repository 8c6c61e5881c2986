"""Money: bank accounts, stock prices, hotel rooms."""

from __future__ import annotations

from datetime import datetime

from codeact.tasks.apibank.api import Api, Checker, Words
from codeact.tasks.apibank.compare import DAY, alike, day, stripped, upper
from codeact.tasks.apibank.world import CallError, World

DOMAIN = "money"


def open_bank_account(world: World, account: Words, password: Words, name: Words) -> str:
    """Open a bank account.

    Args:
        account: Name or number of the account.
        password: Password of the account.
        name: Name of its holder.
    """
    accounts = world.table("opened accounts")
    if account in accounts:
        return "failed"
    accounts[account] = {"password": password, "name": name}
    return "success"


def query_balance(world: World, token: Words) -> float:
    """Look up how much money a user has in the bank.

    Args:
        token: Token of the user.
    """
    known = world.table("Bank").get(world.user(token.strip()))
    if known is None:
        raise CallError("this user has no bank account")
    return known["balance"]


def query_stock(world: World, stock_code: Words, date: Words) -> float:
    """Look up the price of a stock on a day.

    Args:
        stock_code: Code of the stock.
        date: On which day, as YYYY-MM-DD.
    """
    price = world.table("Stock").get(upper(stock_code), {}).get(day(date))
    if price is None:
        raise CallError(f"no price of {stock_code!r} on {date!r} is known")
    return price


def book_hotel(
    world: World,
    hotel_name: Words,
    check_in_time: Words,
    check_out_time: Words,
    room_count: int,
    adult_count: int,
    child_count: int,
) -> str:
    """Book rooms of a hotel, and get the number of the booking. More than two adults need more than one room.

    Args:
        hotel_name: Name of the hotel.
        check_in_time: Day of arrival, as YYYY-MM-DD.
        check_out_time: Day of departure, as YYYY-MM-DD.
        room_count: How many rooms.
        adult_count: How many adults.
        child_count: How many children.
    """
    bookings = world.table("Hotel")
    arrival, departure = _date(check_in_time), _date(check_out_time)
    if adult_count > 2 and room_count == 1:
        raise CallError("more than two adults need more than one room")
    for taken in bookings.values():
        begins, ends = _date(taken["check_in_time"]), _date(taken["check_out_time"])
        if taken["hotel_name"] == hotel_name and (begins <= arrival < ends or begins < departure <= ends):
            raise CallError("the hotel has no room at that time")
    number = str(len(bookings) + 1)
    bookings[number] = {
        "hotel_name": hotel_name,
        "check_in_time": check_in_time,
        "check_out_time": check_out_time,
        "room_count": room_count,
        "adult_count": adult_count,
        "child_count": child_count,
    }
    return number


def _date(text: str) -> datetime:
    try:
        return datetime.strptime(text, DAY)
    except ValueError:
        raise CallError(f"{text!r} is no day; write it as 2023-03-31") from None


APIS = (
    Api(name="OpenBankAccount", domain=DOMAIN, run=open_bank_account),
    Api(
        name="QueryBalance",
        domain=DOMAIN,
        run=query_balance,
        checker=Checker(arguments={"token": alike(stripped)}),
    ),
    Api(
        name="QueryStock",
        domain=DOMAIN,
        run=query_stock,
        checker=Checker(arguments={"stock_code": alike(upper), "date": alike(day)}),
    ),
    Api(name="BookHotel", domain=DOMAIN, run=book_hotel),
)
