"""Writes golden/*.json: what the product has to say about every file.

Rows are read back by readers.py and judged by judge.py and oracle.py; nothing
here knows the product.
"""

import json
import os

import judge
import readers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, ".."))
GOLDEN = os.path.join(ROOT, "golden")
DONE = {}


def full(name):
    return os.path.join(ROOT, name)


def write(golden, label):
    name = golden["file"].replace("/", "-") + ("." + label if label else "") + ".json"
    assert name not in DONE, name
    DONE[name] = golden["file"]
    assert os.path.exists(full(golden["file"])), golden["file"]
    head = {key: value for key, value in golden.items() if key not in ("rows", "or_rows")}
    parts = ["%s: %s" % (json.dumps(key), json.dumps(value, ensure_ascii=False)) for key, value in head.items()]
    for key in ("rows", "or_rows"):
        if key in golden:
            rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in golden[key])
            parts.append('"%s": [%s]' % (key, "\n  " + rows + "\n" if rows else ""))
    with open(os.path.join(GOLDEN, name), "w", encoding="utf-8", newline="\n") as out:
        out.write("{\n" + ",\n".join(parts) + "\n}\n")
    json.load(open(os.path.join(GOLDEN, name), encoding="utf-8"))


def rows(file, why, read, args=(), label="", mentions=None, or_exit=None, **options):
    got = judge.judge(read, **options)
    golden = {"file": file, "args": list(args), "exit": judge.exit_code(got), "why": why}
    if mentions:
        golden["mentions"] = mentions
    if or_exit is not None:
        golden["or_exit"] = or_exit
    golden["rows"] = got
    write(golden, label)


def fails(file, why, args=(), label="", mentions=(), any_of=(), or_rows=None, or_exit=None):
    golden = {"file": file, "args": list(args), "exit": 4, "why": why, "error_mentions": list(mentions)}
    if any_of:
        golden["error_mentions_any"] = list(any_of)
    if or_exit is not None:
        golden["or_exit"] = or_exit
    if or_rows is not None:
        golden["or_exit"] = judge.exit_code(or_rows)
        golden["or_rows"] = or_rows
    write(golden, label)


def text(file, *args, **options):
    return readers.read_text(full(file), *args, **options)


# ------------------------------------------------------------------------- files

def good_files():
    phone = {"column": 1}
    F = "files/"
    rows(F + "contacts.csv", "the README's first command: a shop's export from Excel, windows-1251, semicolons", text(F + "contacts.csv", "cp1251", ";"), **phone)
    rows(F + "contacts.csv", "the same with everything said", text(F + "contacts.csv", "cp1251", ";"),
         ["--encoding", "WINDOWS-1251", "--delimiter", ";", "--enclosure", '"', "--skip-header", "1", "--column", "phone"], "explicit", **phone)
    rows(F + "contacts.csv", "national writing of Russia is read", text(F + "contacts.csv", "cp1251", ";"), ["--region", "RU"], "region-ru", region="RU", **phone)
    rows(F + "contacts.csv", "only Ukraine and Kazakhstan", text(F + "contacts.csv", "cp1251", ";"), ["--countries", "UA,KZ"], "countries", countries=["UA", "KZ"], **phone)
    rows(F + "contacts.csv", "fixed lines too, first of several numbers", text(F + "contacts.csv", "cp1251", ";"),
         ["--lines", "any", "--several", "first"], "any-first", lines="any", several="first", **phone)
    rows(F + "contacts-comma-utf8.csv", "comma, double quotes, line breaks in quotes, CRLF", text(F + "contacts-comma-utf8.csv"), **phone)
    rows(F + "contacts-comma-utf8.csv", "column by number", text(F + "contacts-comma-utf8.csv"), ["--column", "2"], "column", **phone)
    rows(F + "contacts-comma-utf8.csv", "by length alone, every number of a cell", text(F + "contacts-comma-utf8.csv"),
         ["--lines", "possible", "--several", "explode"], "possible-explode", lines="possible", several="explode", **phone)
    rows(F + "contacts-semicolon-utf8.csv", "semicolon", text(F + "contacts-semicolon-utf8.csv", delimiter=";"), **phone)
    rows(F + "contacts-tab-utf8.tsv", "tab", text(F + "contacts-tab-utf8.tsv", delimiter="\t"), **phone)
    rows(F + "contacts-tab-utf8.tsv", "tab, said", text(F + "contacts-tab-utf8.tsv", delimiter="\t"), ["--delimiter", "\\t"], "explicit", **phone)
    rows(F + "contacts-unicode-text.txt", "Excel's Unicode Text: UTF-16LE, BOM, tabs", text(F + "contacts-unicode-text.txt", "utf-16", "\t"), **phone)
    rows(F + "contacts-utf16be-nobom.csv", "UTF-16BE without BOM: NUL parity", text(F + "contacts-utf16be-nobom.csv", "utf-16-be", ";"), **phone)
    rows(F + "contacts-utf16be-nobom.csv", "the same with the encoding said", text(F + "contacts-utf16be-nobom.csv", "utf-16-be", ";"),
         ["--encoding", "UCS-2"], "explicit", **phone)
    api = text(F + "contacts-api-single-quotes.csv", enclosure="'")
    rows(F + "contacts-api-single-quotes.csv", "the API's own defaults: comma and single quotes; line breaks and doubled quotes inside", api,
         ["--encoding", "UTF-8", "--delimiter", ",", "--enclosure", "'", "--skip-header", "1", "--column", "2"], **phone)
    rows(F + "contacts-api-single-quotes.csv", "single quotes detected", api, [], "auto", **phone)
    for ending in ("gz", "zst"):
        rows(F + "contacts-comma-utf8.csv." + ending, "compressed", text(F + "contacts-comma-utf8.csv." + ending), **phone)

    lo = [("lo-utf8.csv", "utf-8", ";", "UTF-8"), ("lo-windows1251.csv", "cp1251", ";", "WINDOWS-1251"),
          ("lo-windows1252-latin.csv", "cp1252", ";", "WINDOWS-1252"), ("lo-koi8r.csv", "koi8-r", ";", "KOI8-R"),
          ("lo-cp866.csv", "cp866", ";", "CP866"), ("lo-iso88591-latin.csv", "iso-8859-1", ",", "ISO-8859-1"),
          ("lo-ascii.csv", "ascii", ",", "ASCII"), ("lo-ucs2-semicolon.csv", "utf-16", ";", "UCS-2"), ("lo-ucs2-comma.csv", "utf-16", ",", "UCS-2")]
    for name, codec, delimiter, said in lo:
        read = text(F + name, codec, delimiter)
        rows(F + name, "LibreOffice's export with the encoding said", read, ["--encoding", said], **phone)
        rows(F + name, "everything detected; a wrong guess among Cyrillic encodings would show: the extension mark and NBSP change their class"
             if codec in ("cp1251", "koi8-r", "cp866") else "everything detected", read, [], "auto", **phone)

    sheet = {"column": 1, "sheet": True}
    for name in ("lo-standard", "lo-text"):
        why = "numbers are numeric cells, IDD zeros and a lossy exponent are gone already (D13)" if name == "lo-standard" else "every cell is text"
        for ending, reader in (("xls", readers.read_xls), ("xlsx", readers.read_xlsx), ("ods", readers.read_ods)):
            rows(F + name + "." + ending, why, reader(full(F + name + "." + ending)), **sheet)
    for name, reader in (("openpyxl-numeric.xlsx", readers.read_xlsx), ("openpyxl-text.xlsx", readers.read_xlsx),
                         ("xlwt-numeric.xls", readers.read_xls), ("xlwt-text.xls", readers.read_xls), ("sheetjs.xlsb", readers.read_by_libreoffice)):
        rows(F + name, "plain digits as numeric cells" if "text" not in name else "every cell is text", reader(full(F + name)), **sheet)
    rows(F + "openpyxl-text.xlsx", "sheet and column by name", readers.read_xlsx(full(F + "openpyxl-text.xlsx"), "Contacts"),
         ["--sheet", "Contacts", "--column", "phone"], "explicit", **sheet)

    for end in ("lf", "crlf", "cr"):
        rows(F + "plain-%s.txt" % end, "one number a line, no header", text(F + "plain-%s.txt" % end), header=False)
    plain = text(F + "plain-lf.txt")
    own, system = F + "stop-list.txt", F + "system-stop-list.txt"
    read_lines = lambda name: [row[0] for _, row in text(name)]
    rows(F + "plain-lf.txt", "national writing of Ukraine", plain, ["--region", "UA"], "region-ua", header=False, region="UA")
    rows(F + "plain-lf.txt", "fixed lines too", plain, ["--lines", "any"], "any", header=False, lines="any")
    rows(F + "plain-lf.txt", "by length alone", plain, ["--lines", "possible"], "possible", header=False, lines="possible")
    rows(F + "plain-lf.txt", "own and system stop list; a stopped number never makes a duplicate", plain,
         ["--stop-list", own, "--system-stop-list", system], "stop-lists", header=False, own_stop=read_lines(own), system_stop=read_lines(system))
    rows(F + "plain-lf.txt", "the first line taken for a header because the caller says so", plain, ["--skip-header", "1"], "skip-header", header=True)
    rows(F + "plain-lf.txt", "only Brazil and Germany", plain, ["--countries", "BR,DE"], "countries", header=False, countries=["BR", "DE"])

    template = text(F + "template.csv")
    spec = "Hello, {name}! Your balance as at {date} equals to {balance}{currency}."
    for flag in (1, 2, 3):
        rows(F + "template.csv", "the specification's text; empty values are data, not missing (D10)", template,
             ["--text", spec, "--placeholders", str(flag)], "placeholders-%d" % flag, text=spec, placeholders=flag)
    rows(F + "template.csv", "a placeholder without a column rejects every row that would pass", template,
         ["--text", "Hi {name}, {discount} off", "--placeholders", "3"], "missing-3", text="Hi {name}, {discount} off", placeholders=3)
    rows(F + "template.csv", "flag 1 keeps the braces", template,
         ["--text", "Hi {name}, {discount} off", "--placeholders", "1"], "missing-1", text="Hi {name}, {discount} off", placeholders=1)
    rows(F + "template.csv", "as a plain list: the recipient column is found", template)
    rows(own, "a stop list is a list", text(own), ["--skip-header", "0", "--delimiter", ",", "--column", "1"], header=False)
    rows(system, "a stop list is a list", text(system), ["--skip-header", "0", "--delimiter", ",", "--column", "1"], header=False)


# ----------------------------------------------------------------------- gallery

def gallery_text():
    G = "gallery/"
    phone = {"column": 1}
    bom = [("bom-utf8.csv", "utf-8"), ("bom-utf16le.csv", "utf-16"), ("bom-utf16be.csv", "utf-16"), ("utf16le-nobom.csv", "utf-16-le"),
           ("utf16be-nobom.csv", "utf-16-be")]
    for name, codec in bom:
        rows(G + name, "the mark, or NUL parity, tells the encoding", text(G + name, codec, ";"), **phone)
    rows(G + "bom-utf16be.csv", "the mark gives the order of UCS-2", text(G + "bom-utf16be.csv", "utf-16", ";"), ["--encoding", "ucs-2"], "ucs2", **phone)
    fails(G + "bom-utf8.csv", "the mark contradicts the given encoding (D15)", ["--encoding", "WINDOWS-1251"], "contradicted", ["UTF-8", "1251"])
    fails(G + "bom-utf16le.csv", "the mark contradicts the given encoding (D15)", ["--encoding", "UTF-8"], "contradicted", ["UTF-8"], ["UCS-2", "UTF-16"])
    fails(G + "bom-utf8.csv", "the mark contradicts the given encoding (D15)", ["--encoding", "UCS-2"], "contradicted-ucs2", ["UTF-8", "UCS-2"])
    fails(G + "bom-utf32le.csv", "UTF-32 is none of the encodings", [], "", ["UTF-32"])
    rows(G + "bom-utf8-one-column.txt", "the mark does not stick to the first number", text(G + "bom-utf8-one-column.txt"), header=False)
    fails(G + "utf16-no-parity.txt", "no mark and no NUL: the order cannot be told (D15)", ["--encoding", "UCS-2"], "", ["UCS-2LE", "UCS-2BE"])
    rows(G + "utf16-no-parity.txt", "the order is said", text(G + "utf16-no-parity.txt", "utf-16-be"), ["--encoding", "UCS-2BE", "--skip-header", "0"], "be", header=False)
    fails(G + "bom-utf8-on-windows1251.csv", "a UTF-8 mark before bytes that are no UTF-8", [], "", ["line 2"])
    fails(G + "bom-utf16le-on-bytes.csv", "a UTF-16 mark before an odd number of bytes")
    rows(G + "ucs2-surrogates.csv", "surrogate pairs are accepted (D15)", text(G + "ucs2-surrogates.csv", "utf-16", ";"), **phone)
    fails(G + "ucs2-lone-surrogate.csv", "half a surrogate pair does not decode", [], "", ["line 2"])
    fails(G + "bad-utf8-line5.csv", "the first undecodable byte is named with its line (D15)", ["--encoding", "UTF-8"], "", ["line 5", "UTF-8"])
    fails(G + "truncated-utf8.csv", "the last character is cut", ["--encoding", "UTF-8"], "", ["line 2"])
    rows(G + "windows1251.csv", "detected", text(G + "windows1251.csv", "cp1251", ";"), **phone)
    fails(G + "windows1251.csv", "said to be UTF-8, is not", ["--encoding", "UTF-8"], "as-utf8", ["line 2"])
    fails(G + "ascii-high-byte.csv", "ASCII refuses bytes from 0x80 on (D15)", ["--encoding", "ASCII"], "", ["line 3"])
    rows(G + "ascii-high-byte.csv", "the same bytes are fine in windows-1252", text(G + "ascii-high-byte.csv", "cp1252"), ["--encoding", "windows-1252"], "1252", **phone)
    fails(G + "windows1251-undefined-byte.csv", "0x98 is no character of windows-1251", ["--encoding", "WINDOWS-1251"], "", ["line 3"])
    rows(G + "iso88591-c1.csv", "byte = code point: C1 controls are extraneous", text(G + "iso88591-c1.csv", "iso-8859-1"), ["--encoding", "ISO-8859-1"], **phone)
    rows(G + "iso88591-c1.csv", "in windows-1252 the same bytes are a dash and an ellipsis", text(G + "iso88591-c1.csv", "cp1252"), ["--encoding", "WINDOWS-1252"], "1252", **phone)

    rows(G + "semicolons.csv", "detected", text(G + "semicolons.csv", delimiter=";"), **phone)
    rows(G + "semicolons.csv", "a wrong delimiter is obeyed: one column, the name is a label", text(G + "semicolons.csv"), ["--delimiter", ",", "--column", "1", "--skip-header", "1"], "comma", header=True)
    rows(G + "bars.csv", "detected", text(G + "bars.csv", delimiter="|"), **phone)
    rows(G + "single-quotes.csv", "detected", text(G + "single-quotes.csv", enclosure="'"), [], "auto", **phone)
    rows(G + "single-quotes.csv", "the API's defaults, said", text(G + "single-quotes.csv", enclosure="'"), ["--delimiter", ",", "--enclosure", "'"], **phone)
    rows(G + "double-quotes.csv", "detected", text(G + "double-quotes.csv"), **phone)
    rows(G + "quote-inside-field.csv", "a quote inside an unquoted field is text", text(G + "quote-inside-field.csv"), ["--delimiter", ",", "--enclosure", '"'], **phone)
    rows(G + "quote-inside-field.csv", "no enclosure at all", text(G + "quote-inside-field.csv", enclosure=None), ["--delimiter", ",", "--enclosure", "none"], "none", **phone)
    said = ["--delimiter", ",", "--enclosure", '"']
    fails(G + "unclosed-quote-start.csv", "the quote that opens in line 2 never closes", said, "", ["line 2", "quote"])
    fails(G + "unclosed-quote-middle.csv", "the quote that opens in line 4 never closes", said, "", ["line 4", "quote"])
    rows(G + "unclosed-quote-middle.csv", "no enclosure: the quote is a character", text(G + "unclosed-quote-middle.csv", enclosure=None), ["--delimiter", ",", "--enclosure", "none"], "none", **phone)
    rows(G + "excel-text-marker.csv", "Excel's text marker is no enclosure", text(G + "excel-text-marker.csv", enclosure=None), [], "auto")
    rows(G + "excel-text-marker.csv", "no enclosure, said", text(G + "excel-text-marker.csv", enclosure=None), ["--delimiter", ",", "--enclosure", "none"])
    fails(G + "excel-text-marker.csv", "with the API's enclosure the marker opens a quote: the next line's marker closes it, or not; the last never closes",
          ["--delimiter", ",", "--enclosure", "'"], "api", ["quote"])

    rows(G + "excel-exponents.csv", "exponents in text", text(G + "excel-exponents.csv", delimiter=";"))
    rows(G + "dot-zero.csv", "fractions in text", text(G + "dot-zero.csv", delimiter=";"))
    rows(G + "formula-injection.csv", "formulas are text; digits in them are no numbers", text(G + "formula-injection.csv"), said, **phone)
    rows(G + "formula-injection.csv", "the same, detected", text(G + "formula-injection.csv"), [], "auto", **phone)
    for name in ("invisible.csv", "digits-of-other-scripts.csv"):
        rows(G + name, "characters of D4 and R1", text(G + name, delimiter=";"))
    rows(G + "control-characters.csv", "control characters are extraneous; terminal colours bring letters", text(G + "control-characters.csv", delimiter=";"), ["--encoding", "UTF-8", "--delimiter", ";"])
    fails(G + "nul-bytes.csv", "NULs are binary bytes where text is expected, whatever encoding is said", ["--encoding", "UTF-8", "--delimiter", ","], "", ["binary"])
    rows(G + "emoji-long-text.csv", "emoji, a cell of 90 KB, 20,000 digits", text(G + "emoji-long-text.csv", delimiter=";"), **phone)

    rows(G + "duplicate-headers.csv", "two columns of one name do not matter in a plain list", text(G + "duplicate-headers.csv"))
    fails(G + "duplicate-headers.csv", "but in a template list they do (D17)", ["--text", "Hi {name}"], "template", ["name"])
    fails(G + "duplicate-recipient.csv", "two recipient columns (D17)", ["--text", "Hi {name}"], "", ["recipient"])
    fails(G + "near-miss-recipient.csv", "names are case-sensitive: no recipient column (D17)", ["--text", "Hi {name}"], "", ["recipient"])
    rows(G + "near-miss-recipient.csv", "in a plain list the column is found", text(G + "near-miss-recipient.csv"), [], "plain")
    near = text(G + "near-miss-placeholder.csv")
    rows(G + "near-miss-placeholder.csv", "a near miss is a warning; the flag decides row by row", near, ["--text", "{name}: {ballance}", "--placeholders", "3"],
         mentions=["ballance", "balance"], text="{name}: {ballance}", placeholders=3)
    rows(G + "near-miss-placeholder.csv", "flag 2 deletes it", near, ["--text", "{name}: {ballance}", "--placeholders", "2"], "flag-2",
         mentions=["ballance", "balance"], text="{name}: {ballance}", placeholders=2)
    fails(G + "bad-placeholder-name.csv", "a header of a template list must be a placeholder name (D17)", ["--text", "Hi {name}"], "", ["first name"])
    rows(G + "header-near-miss-phone.csv", "the phone column is found under a near name", text(G + "header-near-miss-phone.csv", delimiter=";"), **phone)
    rows(G + "short-long-rows.csv", "rows of another shape are rejected one by one, empty ones are code 1 (D18, R10)", text(G + "short-long-rows.csv"), said + ["--skip-header", "1", "--column", "2"], **phone)
    rows(G + "blank-lines.csv", "no bytes: no row; anything else is a row (D18)", text(G + "blank-lines.csv"), said + ["--skip-header", "1", "--column", "phone"], **phone)
    rows(G + "blank-lines.txt", "the same in a plain list", text(G + "blank-lines.txt"), ["--skip-header", "0", "--delimiter", ",", "--column", "1"], header=False)
    rows(G + "cr-only.csv", "CR ends a line, in quotes it only counts", text(G + "cr-only.csv", delimiter=";"), **phone)
    rows(G + "mixed-ends.csv", "LF, CR and CRLF in one file", text(G + "mixed-ends.csv", delimiter=";"), **phone)
    several = text(G + "several-in-cell.csv", delimiter=";")
    for mode in ("reject", "first", "explode"):
        rows(G + "several-in-cell.csv", "several numbers in a cell (D14)", several, ["--delimiter", ";", "--enclosure", '"', "--several", mode], mode, several=mode)
    rows(G + "many-columns.csv", "20,000 columns", text(G + "many-columns.csv"), ["--delimiter", ",", "--column", "phone"], column=14999)

    for name in ("empty.csv", "only-bom.csv", "only-header.csv", "only-line-ends.txt"):
        rows(G + name, "no rows", [], [], header=False)
    fails(G + "random.bin", "noise is no list")
    fails(G + "picture.png", "a picture", [], "", ["PNG"])
    fails(G + "document.pdf", "a document", [], "", ["PDF"])
    fails(G + "list.csv.xz", "a compression that is not read", [], "", ["xz"])
    fails(G + "list.csv.bz2", "a compression that is not read", [], "", [], ["bz2", "bzip2"])
    fails(G + "list.csv.7z", "a compression that is not read", [], "", ["7z"])
    fails(G + "list.csv.zip", "a ZIP archive that is no spreadsheet", [], "", ["zip"])
    rows(G + "xlsx-in-name-only.xlsx", "a CSV that is called XLSX: the content decides, or it is refused", text(G + "xlsx-in-name-only.xlsx", delimiter=";"), or_exit=4, **phone)
    rows(G + "csv-in-name-only.csv", "an XLSX that is called CSV: the content decides, or it is refused", readers.read_xlsx(full("files/openpyxl-numeric.xlsx")), or_exit=4, column=1, sheet=True)


def gallery_sheets():
    G = "gallery/"
    one = {"sheet": True}
    # openpyxl would turn numbers in a date format into dates: the cells as they were written
    phone = [None, 380971112233, 79101112233, 77071112233, 380971112255, 447400123456, 5511961234567, 45000, 380971112266.5,
             4915123456789, 393471234567, None, 0, 6907290, "#N/A"]
    cells = [(1, ["name", "phone"])] + [(n + 1, ["x", value]) for n, value in enumerate(phone) if n > 0]
    for name in ("excel-numeric-cells.xlsx", "excel-numeric-cells.xls"):
        rows(G + name, "a numeric cell says its digits, whatever its format (D13)", cells, ["--column", "phone"], column=1, sheet=True)
    for name, reader in (("two-sheets.xlsx", readers.read_xlsx), ("two-sheets.xls", readers.read_xls)):
        rows(G + name, "the first sheet by default (D19)", reader(full(G + name)), **one)
        rows(G + name, "the sheet named", reader(full(G + name), "Номера"), ["--sheet", "Номера"], "named", **one)
        rows(G + name, "the sheet by number", reader(full(G + name), 1), ["--sheet", "2"], "numbered", **one)
        fails(G + name, "no such sheet", ["--sheet", "Nope"], "unknown", ["Nope"])
        fails(G + name, "no such sheet", ["--sheet", "3"], "beyond", ["3"])
    for name in ("empty-sheet.xlsx", "empty-sheet.xls"):
        rows(G + name, "no rows", [], header=False)
    rows(G + "xlsx-kinds-of-text.xlsx", "shared, rich (its reading aid is not text), inline, formula results, _x000D_ is an escaped CR; row 8 has no cells",
         [(1, ["phone"]), (2, ["380971112233"]), (3, ["7910 1112233 "]), (4, ["+380 97 111 22 55"]), (5, ["447400123456"]), (6, [5511961234567]),
          (7, [4.915123456789E12]), (9, ["77071112233\r"])], **one)
    rows(G + "xlsx-no-addresses.xlsx", "rows and cells without addresses count on", [(1, ["phone"]), (2, [380971112233]), (3, [79101112233])], **one)

    first = [(1, [380971112233])]
    refuse = "D19: refused, or read without taking memory for the claim"
    judged = lambda cells: judge.judge(cells, header=False, sheet=True)
    plain = ["--skip-header", "0", "--column", "1"]
    fails(G + "xlsx-dimension-huge.xlsx", "the dimension claims 17 thousand million cells, there is one; " + refuse, plain, or_rows=judged(first))
    rows(G + "xlsx-dimension-wrong.xlsx", "the dimension claims one cell, there are two", [(1, [380971112233]), (2, [79101112233])], plain, header=False, **one)
    fails(G + "xlsx-last-cell.xlsx", "cells in the first and the very last place; " + refuse, plain, or_rows=judged([(1, [380971112233]), (1048576, [None, 1])]))
    fails(G + "xlsx-beyond-last-cell.xlsx", "a cell beyond what a sheet can hold, in numbers that overflow", plain)
    fails(G + "xlsx-sst-count.xlsx", "the string table claims 4,294,967,295 strings; " + refuse, plain, or_rows=judged([(1, ["380971112233"])]))
    fails(G + "xlsx-sst-index.xlsx", "a cell points far behind the string table", plain, or_exit=3)
    fails(G + "xlsx-entities.xlsx", "nested entities that would grow to gigabytes", plain, or_exit=3)
    fails(G + "xlsx-bomb.xlsx", "2 MB that unfold to 2 GB in one cell", plain)
    fails(G + "ods-repeated.ods", "one cell repeated 17 thousand million times", plain)
    rows(G + "ods-empty-tail.ods", "repeated rows are rows of their own; the empty tail is nothing", readers.read_ods(full(G + "ods-empty-tail.ods")), **one)
    fails(G + "xls-dimensions-huge.xls", "DIMENSIONS claims 4,294,967,295 rows; " + refuse, plain, or_rows=judged([(1, ["380971112233"]), (2, ["79101112233"])]))
    rows(G + "xls-corners.xls", "65,536 x 256 is the bound, and is allowed", readers.read_xls(full(G + "xls-corners.xls")), plain, header=False, **one)
    fails(G + "xls-column-65535.xls", "a cell record in column 65,535", plain)
    fails(G + "xls-endless-record.xls", "a record longer than the file", plain)
    fails(G + "encrypted.xls", "encrypted with a password", [], "", [], ["encrypt", "password"])
    fails(G + "encrypted.xlsx", "encrypted with a password", [], "", [], ["encrypt", "password"])
    fails(G + "encrypted.ods", "encrypted with a password", [], "", [], ["encrypt", "password"])
    for name in ("truncated.xlsx", "truncated.xls", "truncated.csv.gz", "truncated.csv.zst", "bad-checksum.csv.gz"):
        fails(G + name, "cut or damaged: no verdicts may come out as if it were whole")
    rows(G + "two-members.csv.gz", "two gzip members are one file", text(G + "two-members.csv.gz", delimiter=";"), column=1)
    fails(G + "one-line-1gb.csv.zst", "one line of 1 GB: refused in little memory", [], "", [], ["line 1", "long"])
    fails(G + "open-quote-1gb.csv.zst", "a quote opens in line 3 and swallows 1 GB", ["--delimiter", ",", "--enclosure", '"'], "", ["line 3", "quote"])

    full_rows = "380970000000 to 380970065535, all accepted"
    for name, count, cut in (("rows-65536.xls", 65536, True), ("rows-65536.xlsx", 65536, True), ("rows-65535.xlsx", 65535, False), ("rows-65536.csv.gz", 65536, None)):
        reader = {"xls": readers.read_xls, "lsx": readers.read_xlsx, ".gz": readers.read_text}[name[-3:]]
        got = judge.judge(reader(full(G + name)), header=False, sheet=name[-3:] != ".gz")
        assert len(got) == count and judge.exit_code(got) == 0
        golden = {"file": G + name, "args": plain, "exit": 0, "why": full_rows + {
            True: "; exactly 65,536 rows earn the warning that the list was probably cut (D19)", False: "; one row less: no warning", None: "; no spreadsheet"}[cut],
            "total": count, "codes": {"0": count}, "first": got[0], "last": got[-1]}
        if cut:
            golden["mentions"] = ["cut"]
        elif cut is False:
            golden["mentions_not"] = ["cut"]
        write(golden, "")


os.makedirs(GOLDEN, exist_ok=True)
for old in os.listdir(GOLDEN):
    os.remove(os.path.join(GOLDEN, old))
good_files()
gallery_text()
gallery_sheets()
covered = set(DONE.values())
for folder in ("files", "gallery"):
    for name in sorted(os.listdir(full(folder))):
        if folder + "/" + name not in covered:
            print("no golden for", folder + "/" + name)
print(len(DONE), "goldens for", len(covered), "files")
