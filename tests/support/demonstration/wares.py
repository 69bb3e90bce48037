"""What the shop sells, as its JSON says it."""

from typing import TypedDict


class Ware(TypedDict):
    """One thing in the shop."""

    id: int
    name: str
    kind: str
    price: str
    stock: int
    text: str
    picture: str


_ROWS = (
    ("Marsh 8×42", "Binoculars", "€ 289.00", 12, "Bright in the dusk, when the harriers come in to roost."),
    ("Heath 10×32", "Binoculars", "€ 219.00", 7, "Small enough for every walk."),
    ("Dune 20–60×80", "Spotting scope", "€ 640.00", 3, "For the far end of the mudflat."),
    ("Reed", "Notebook", "€ 14.50", 86, "Waterproof paper, 96 pages, grid on the left and lines on the right."),
    ("Tussock", "Seat", "€ 39.00", 21, "Sit still for an hour and the marsh forgets you."),
    ("Nordlys", "Flask", "€ 27.00", 40, "Tea at six in the morning, still hot at noon."),
)


def wares() -> list[Ware]:
    """All of them."""
    return [
        Ware(id=number, name=name, kind=kind, price=price, stock=stock, text=text, picture=f"/picture/{number}.png")
        for number, (name, kind, price, stock, text) in enumerate(_ROWS, 1)
    ]
