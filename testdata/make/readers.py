"""Independent readers: a file of testdata -> [(row number, cells)].

Row numbers are physical (D18, R10): the line where a text row starts, the row
of a sheet.  A line without bytes and a sheet row without cells are no rows.
Cells are str, or int/float for numeric cells of a spreadsheet, or None.
"""

import csv
import gzip
import os
import re
import shutil
import subprocess
import tempfile

import odf.opendocument
import odf.table
import odf.teletype
import openpyxl
import xlrd
from odf.text import P

csv.field_size_limit(1 << 30)


def physical_lines(text):
    """Every CR, LF or CRLF ends a physical line (R10)."""
    return [line for line in re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)]


def text_rows(text, delimiter=",", enclosure='"'):
    lines = physical_lines(text)
    if enclosure is None:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quotechar=enclosure)
    rows, before = [], 0
    for fields in reader:
        start, before = before + 1, reader.line_num
        if fields:
            rows.append((start, fields))
    return rows


def read_text(path, encoding="utf-8", delimiter=",", enclosure='"'):
    if path.endswith(".gz"):
        data = gzip.open(path).read()
    elif path.endswith(".zst"):
        data = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    else:
        data = open(path, "rb").read()
    text = data.decode(encoding)
    return text_rows(text[1:] if text.startswith("\ufeff") else text, delimiter, enclosure)


def with_cells(rows):
    return [(number, cells) for number, cells in rows if any(cell is not None for cell in cells)]


def shown_by_excel(cell):
    """openpyxl writes a text of white space alone without xml:space="preserve", and such white space is not shown."""
    return "" if isinstance(cell, str) and not cell.strip(" \t\r\n") else cell


def read_xlsx(path, sheet=0):
    book = openpyxl.load_workbook(path, data_only=True)
    page = book[sheet] if isinstance(sheet, str) else book.worksheets[sheet]
    rows = [list(row) for row in page.iter_rows(values_only=True)]
    if book.properties.creator == "openpyxl":
        rows = [[shown_by_excel(cell) for cell in row] for row in rows]
    return with_cells(list(enumerate(rows, 1)))


def read_xls(path, sheet=0):
    book = xlrd.open_workbook(path)
    page = book.sheet_by_name(sheet) if isinstance(sheet, str) else book.sheet_by_index(sheet)
    rows = []
    for number in range(page.nrows):
        cells = []
        for cell in page.row(number):
            if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
                cells.append(None)
            elif cell.ctype == xlrd.XL_CELL_ERROR:
                cells.append(xlrd.error_text_from_code[cell.value])
            else:
                cells.append(cell.value)          # text, number, date as number
        rows.append((number + 1, cells))
    return with_cells(rows)


def read_ods(path, sheet=0):
    book = odf.opendocument.load(path)
    tables = book.spreadsheet.getElementsByType(odf.table.Table)
    page = [t for t in tables if t.getAttribute("name") == sheet][0] if isinstance(sheet, str) else tables[sheet]
    rows, number = [], 0
    for row in page.getElementsByType(odf.table.TableRow):
        cells = []
        for cell in row.getElementsByType(odf.table.TableCell):
            times = int(cell.getAttribute("numbercolumnsrepeated") or 1)
            if cell.getAttribute("valuetype") == "float":
                value = float(cell.getAttribute("value"))
            else:
                paragraphs = [odf.teletype.extractText(p) for p in cell.getElementsByType(P)]
                value = "\n".join(paragraphs) if paragraphs else None
            if value is None and times > 1000:
                break                             # the empty tail of the row
            cells.extend([value] * times)
        times = int(row.getAttribute("numberrowsrepeated") or 1)
        if any(cell is not None for cell in cells):
            for again in range(times):
                rows.append((number + again + 1, cells))
        number += times
    return rows


def read_by_libreoffice(path, sheet=0):
    """For formats without a reader of ours (XLSB): LibreOffice turns it into XLSX."""
    with tempfile.TemporaryDirectory() as work:
        copy = os.path.join(work, os.path.basename(path))
        shutil.copyfile(path, copy)
        subprocess.run(["soffice", "--headless", "-env:UserInstallation=file://" + os.path.join(work, "profile"),
                        "--convert-to", "xlsx", "--outdir", os.path.join(work, "out"), copy],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return read_xlsx(os.path.join(work, "out", os.path.splitext(os.path.basename(path))[0] + ".xlsx"), sheet)
