"""Makes the workbooks of testdata/api with xlwt: lists as the campaign API wants them.

    pip install xlwt && python3 testdata/make/api.py
"""

from pathlib import Path

import xlwt

FOLDER = Path(__file__).parent.parent / "api"


def save(name, rows):
    book = xlwt.Workbook()
    sheet = book.add_sheet("List")
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            sheet.write(at, column, value)
    book.save(str(FOLDER / name))


# One number per line; as a number and as a text.
save("plain.xls", [[380971112233], ["+38 (097) 111-22-55"], ["none"]])
# Columns as placeholders are called, the numbers in any of them.
save(
    "template.xls",
    [
        ["name", "recipient", "balance"],
        ["Ольга", 380971112233, 3222.99],
        ["Markus", "4915112345678", 17],
    ],
)
# A column called recipient in a list whose first line is skipped.
save("columns.xls", [["name", "recipient"], ["Ann", 380971112233], ["Bob", 380971112255]])
