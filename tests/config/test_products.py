"""The product list is read whole, or every fault is told with its row."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.config import load
from device.domain.products import Product
from tests.config.sample import faults_of, written

HEADER = "gtin,name,grams,grams_sd,price_minor,age_limit,max_celsius,tagged"
SECOND = "\n9520000001025,Bianco,650,,1250,,,\n"


def products(tmp_path: Path, row: str, header: str = HEADER) -> Path:
    return written(tmp_path, products=f"{header}\n{row}{SECOND}")


def test_a_row_is_read_and_its_gtin_normalised(tmp_path: Path) -> None:
    found = load(products(tmp_path, "9520000001018,Chianti,1248,6.5,1450,18,14.5,TRUE")).products
    assert found["09520000001018"] == Product("09520000001018", "Chianti", 1248.0, 6.5, 1450, 18, 14.5, True)


def test_blanks_have_their_meaning(tmp_path: Path) -> None:
    found = load(products(tmp_path, "9520000001018,Chianti,1248,,0,,,")).products
    assert found["09520000001018"] == Product("09520000001018", "Chianti", 1248.0, 12.48, 0, 0, None, False)


def test_columns_may_be_left_out_and_stand_in_any_order(tmp_path: Path) -> None:
    text = "price_minor,name,gtin,grams\n1450,Chianti,9520000001018,1248\n1250,Bianco,9520000001025,650\n"
    assert load(written(tmp_path, products=text)).products["09520000001018"].price_minor == 1450


def test_what_spreadsheets_write_is_accepted(tmp_path: Path) -> None:
    text = 'gtin;name;grams;price_minor\r\n9520000001018;"Chianti; riserva";1248.5;1450\r\n9520000001025;Bianco;650;1250\r\n;;;\r\n'
    found = load(written(tmp_path, products=b"\xef\xbb\xbf" + text.encode())).products
    assert found["09520000001018"].name == "Chianti; riserva"
    assert len(found) == 2


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("9520000001033,X,1,,1,,,", 'products.csv row 2, gtin: "9520000001033": check digit of GTIN 9520000001033 is 3, must be 2'),
        ("9.52E+12,X,1,,1,,,", 'products.csv row 2, gtin: "9.52E+12": a GTIN has 8, 12, 13 or 14 digits'),
        ("9520000001032,,1,,1,,,", 'products.csv row 2, name: "": a name of 1-200 printable characters'),
        ("9520000001032,X,-1,,1,,,", 'products.csv row 2, grams: "-1": a weight in grams, over 0'),
        ("9520000001032,X,0,,1,,,", 'products.csv row 2, grams: "0": a weight in grams, over 0'),
        ("9520000001032,X,,,1,,,", 'products.csv row 2, grams: "": a weight in grams, over 0'),
        ("9520000001032,X,nan,,1,,,", 'products.csv row 2, grams: "nan": a weight in grams, over 0'),
        ('9520000001032,X,"1,5",,1,,,', 'products.csv row 2, grams: "1,5": a weight in grams, over 0; decimals follow a point'),
        ("9520000001032,X,1,0,1,,,", 'products.csv row 2, grams_sd: "0": a weight in grams, over 0'),
        ("9520000001032,X,1,,1.50,,,", 'products.csv row 2, price_minor: "1.50": a whole number of the currency\'s minor unit, 0 or more'),
        ("9520000001032,X,1,,-1,,,", 'products.csv row 2, price_minor: "-1": a whole number'),
        ("9520000001032,X,1,,1,121,,", 'products.csv row 2, age_limit: "121": an age in years, 0-120'),
        ("9520000001032,X,1,,1,,cold,", 'products.csv row 2, max_celsius: "cold": degrees Celsius'),
        ("9520000001032,X,1,,1,,,yes", 'products.csv row 2, tagged: "yes": "true" or "false"'),
        ("9520000001032,X,1,,1", "products.csv row 2: 5 columns: the header has 8"),
        (
            "9520000001032,A,1,,1,,,\n09520000001032,B,1,,1,,,",
            'products.csv row 3, gtin: "09520000001032": is already in products.csv row 2',
        ),
        ('9520000001032,"X,1,,1,,,', "products.csv: is not CSV: unexpected end of data"),
    ],
)
def test_a_fault_names_the_file_and_its_row(row: str, told: str, tmp_path: Path) -> None:
    (fault,) = faults_of(written(tmp_path, products=f"{HEADER}\n{row}\n9520000001018,Chianti,1248,,1450,,,{SECOND}"))
    assert told in fault


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("gtin,name,gram,price_minor", 'products.csv row 1: "gram": unknown column; did you mean "grams"?'),
        ("gtin,name,price_minor", 'products.csv row 1: column "grams" is missing'),
        ("gtin,name,grams,grams,price_minor", 'products.csv row 1: "grams": column is there more than once'),
    ],
)
def test_a_header_that_does_not_fit_is_told(header: str, told: str, tmp_path: Path) -> None:
    assert any(told in line for line in faults_of(written(tmp_path, products=header + "\n")))


def test_an_empty_list_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(written(tmp_path, products=HEADER + "\n")) == ["products.csv: has no products"]


def test_a_file_that_is_wrong_in_every_row_is_told_within_bounds(tmp_path: Path) -> None:
    faults = faults_of(written(tmp_path, products=HEADER + "\n" + "x,X,1,,1,,,\n" * 1000))
    assert len(faults) < 60
    assert "products.csv: has 950 more faults" in faults


def test_a_product_whose_row_has_a_fault_is_not_also_told_as_missing(tmp_path: Path) -> None:
    faults = faults_of(products(tmp_path, "9520000001018,Chianti,-5,,1450,,,"))
    assert len(faults) == 1
