"""Writes testdata/files with real programs (see README.md for their versions).

    python3 make_files.py NODE_MODULES

NODE_MODULES is a folder where `npm install xlsx@0.18.5` was run; soffice, node,
gzip and zstd are taken from PATH.
"""

import csv
import datetime
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile

import openpyxl
import xlwt

import people

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.normpath(os.path.join(HERE, "..", "files"))
SHEETJS = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
FIXED = datetime.datetime(2026, 1, 1, 12, 0, 0)


def path(name):
    return os.path.join(FILES, name)


def save(name, data):
    with open(path(name), "wb") as out:
        out.write(data)


def as_csv(rows, delimiter=",", quote='"', end="\r\n", quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quotechar=quote, lineterminator=end,
               quoting=quoting).writerows(rows)
    return text.getvalue()


def plain_digits(text):
    return text != "" and all(ch in "0123456789" for ch in text)


# ------------------------------------------------------------------ LibreOffice

ALL_TEXT = "CSV:44,34,76,1,1/2/2/2/3/2/4/2/5/2"        # every column read as text
STANDARD = "CSV:44,34,76,1"                            # as a double click reads it


def libreoffice(source_rows, infilter, target_filter, ending, name):
    with tempfile.TemporaryDirectory() as work:
        source = os.path.join(work, "list.csv")
        with open(source, "w", encoding="utf-8", newline="") as out:
            out.write(as_csv(source_rows))
        subprocess.run(
            ["soffice", "--headless", "-env:UserInstallation=file://" + os.path.join(work, "profile"),
             "--infilter=" + infilter, "--convert-to", target_filter, "--outdir", os.path.join(work, "out"), source],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.copyfile(os.path.join(work, "out", "list." + ending), path(name))


def lo_csv(rows, charset, name, delimiter=59):
    libreoffice(rows, ALL_TEXT, "csv:Text - txt - csv (StarCalc):%d,34,%d,1" % (delimiter, charset), "csv", name)


def main():
    os.makedirs(FILES, exist_ok=True)
    master = [people.HEADER] + people.contacts()
    latin = [people.HEADER] + people.latin_contacts()
    ascii_rows = [people.HEADER] + people.ascii_contacts()

    # Python's csv module
    save("contacts-comma-utf8.csv", as_csv(master).encode("utf-8"))
    save("contacts-semicolon-utf8.csv", as_csv(master, ";").encode("utf-8"))
    save("contacts-tab-utf8.tsv", as_csv(master, "\t").encode("utf-8"))
    save("contacts-unicode-text.txt", b"\xff\xfe" + as_csv(master, "\t").encode("utf-16-le"))
    save("contacts-utf16be-nobom.csv", as_csv(master, ";").encode("utf-16-be"))
    save("contacts-api-single-quotes.csv", as_csv(master, ",", "'", "\n", csv.QUOTE_ALL).encode("utf-8"))
    save("contacts.csv", as_csv([["name", "phone", "city"]] + people.demo(), ";").encode("cp1251"))

    # LibreOffice, text files
    lo_csv(master, 76, "lo-utf8.csv")
    lo_csv(master, 34, "lo-windows1251.csv")
    lo_csv(master, 74, "lo-koi8r.csv")
    lo_csv(master, 30, "lo-cp866.csv")
    lo_csv(latin, 1, "lo-windows1252-latin.csv")
    lo_csv(latin, 12, "lo-iso88591-latin.csv", 44)
    lo_csv(ascii_rows, 11, "lo-ascii.csv", 44)
    lo_csv(master, 65535, "lo-ucs2-semicolon.csv")
    lo_csv(master, 65535, "lo-ucs2-comma.csv", 44)

    # LibreOffice, spreadsheets: opened by a double click (numbers become cells), and all as text
    for ending, flt in (("xls", "xls:MS Excel 97"), ("xlsx", "xlsx:Calc MS Excel 2007 XML"), ("ods", "ods:calc8")):
        libreoffice(master, STANDARD, flt, ending, "lo-standard." + ending)
        libreoffice(master, ALL_TEXT, flt, ending, "lo-text." + ending)

    # openpyxl
    for name, numeric in (("openpyxl-numeric.xlsx", True), ("openpyxl-text.xlsx", False)):
        book = openpyxl.Workbook()
        book.properties.created = book.properties.modified = FIXED
        sheet = book.active
        sheet.title = "Contacts"
        for number, row in enumerate(master, 1):
            for column, field in enumerate(row, 1):
                if field == "":
                    continue
                if numeric and column == 2 and plain_digits(field):
                    sheet.cell(number, column, int(field))
                else:
                    cell = sheet.cell(number, column)
                    cell.value = field
                    cell.data_type = "s"
        book.save(path(name))

    # xlwt
    for name, numeric in (("xlwt-numeric.xls", True), ("xlwt-text.xls", False)):
        book = xlwt.Workbook(encoding="utf-8")
        sheet = book.add_sheet("Contacts")
        for number, row in enumerate(master):
            for column, field in enumerate(row):
                if field == "":
                    continue
                if numeric and column == 1 and plain_digits(field):
                    sheet.write(number, column, int(field))
                else:
                    sheet.write(number, column, field)
        book.save(path(name))

    # SheetJS
    if SHEETJS:
        cells = [[int(field) if column == 1 and plain_digits(field) else (field or None)
                  for column, field in enumerate(row)] for row in master]
        script = """
            const XLSX = require('xlsx'), fs = require('fs');
            const book = XLSX.utils.book_new();
            XLSX.utils.book_append_sheet(book, XLSX.utils.aoa_to_sheet(JSON.parse(fs.readFileSync(0))), 'Contacts');
            XLSX.writeFile(book, process.argv[1], {bookType: 'xlsb', bookSST: true});
        """
        subprocess.run(["node", "-e", script, path("sheetjs.xlsb")], check=True, cwd=SHEETJS,
                       input=json.dumps(cells).encode())

    # compressed
    for program, ending in ((["gzip", "-n", "-9", "-c"], "gz"), (["zstd", "-q", "-19", "-c"], "zst")):
        packed = subprocess.run(program, check=True, stdout=subprocess.PIPE,
                                stdin=open(path("contacts-comma-utf8.csv"), "rb"))
        save("contacts-comma-utf8.csv." + ending, packed.stdout)

    # one-column lists
    numbers = people.plain_numbers()
    for name, end in (("plain-lf.txt", "\n"), ("plain-crlf.txt", "\r\n"), ("plain-cr.txt", "\r")):
        save(name, (end.join(numbers) + end).encode("utf-8"))

    # template list, stop lists
    save("template.csv", as_csv([people.TEMPLATE_HEADER] + people.template_rows()).encode("utf-8"))
    save("stop-list.txt", ("\n".join(people.STOP_LIST) + "\n").encode("utf-8"))
    save("system-stop-list.txt", ("\n".join(people.SYSTEM_STOP_LIST) + "\n").encode("utf-8"))


main()
