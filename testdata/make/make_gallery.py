"""Writes testdata/gallery: the files nobody wants to get.

    python3 make_gallery.py [--quick]

--quick leaves out what takes long (encrypted files, bombs, 65,536 rows).
"""

import bz2
import datetime
import gzip
import io
import lzma
import os
import random
import struct
import subprocess
import sys
import tempfile
import zipfile

import openpyxl
import xlrd
import xlwt

import people

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.normpath(os.path.join(HERE, "..", "files"))
GALLERY = os.path.normpath(os.path.join(HERE, "..", "gallery"))
FIXED = datetime.datetime(2026, 1, 1, 12, 0, 0)
QUICK = "--quick" in sys.argv
N = ["380971112233", "79101112233", "77071112233", "380971112255", "447400123456", "5511961234567"]


def path(name):
    return os.path.join(GALLERY, name)


def save(name, data, encoding="utf-8"):
    with open(path(name), "wb") as out:
        out.write(data if isinstance(data, bytes) else data.encode(encoding))


def lines(*rows, end="\r\n"):
    return end.join(rows) + end


LIST = lines("name;phone", "Олена;" + N[0], "Борис;" + N[1], "Ерлан;+7 707 111-22-33", "Галина;0971112233")
ASCII_LIST = lines("name;phone", "Olena;" + N[0], "Boris;" + N[1], "Yerlan;+7 707 111-22-33", "Halyna;0971112233")


# ------------------------------------------------------------------------ text

def text_files():
    # byte order marks
    save("bom-utf8.csv", b"\xef\xbb\xbf" + LIST.encode())
    save("bom-utf16le.csv", b"\xff\xfe" + LIST.encode("utf-16-le"))
    save("bom-utf16be.csv", b"\xfe\xff" + LIST.encode("utf-16-be"))
    save("bom-utf32le.csv", b"\xff\xfe\x00\x00" + LIST.encode("utf-32-le"))
    save("bom-utf8-one-column.txt", b"\xef\xbb\xbf" + lines(*N[:3]).encode())
    save("utf16le-nobom.csv", LIST.encode("utf-16-le"))
    save("utf16be-nobom.csv", LIST.encode("utf-16-be"))
    save("utf16-no-parity.txt", "".join(chr(0xff10 + int(d)) for d in N[0]), "utf-16-be")
    save("bom-utf8-on-windows1251.csv", b"\xef\xbb\xbf" + LIST.encode("cp1251", "replace"))
    save("bom-utf16le-on-bytes.csv", b"\xff\xfe" + b"380971112233\n79101112233\n7707111223")
    save("ucs2-surrogates.csv", b"\xff\xfe" + lines("name;phone", "Олена 📱;" + N[0], "📱" + N[1] + ";" + N[1],
                                                    "x;\U0001d7d5\U0001d7d5071112233").encode("utf-16-le"))
    save("ucs2-lone-surrogate.csv", b"\xff\xfe" + "name;phone\r\nx\ud83d;380971112233\r\n".encode("utf-16-le", "surrogatepass"))
    # bytes that do not decode
    save("bad-utf8-line5.csv", lines("name,phone", "a," + N[0], "b," + N[1], "c," + N[2]).encode()
         + b"d\xff," + N[3].encode() + b"\r\n" + lines("e," + N[4]).encode())
    save("truncated-utf8.csv", ("phone,name\r\n" + N[0] + ",Олен").encode()[:-1])
    save("windows1251.csv", LIST.encode("cp1251"))
    save("ascii-high-byte.csv", lines("name,phone", "a," + N[0]).encode() + b"Jos\xe9," + N[1].encode() + b"\r\n")
    save("windows1251-undefined-byte.csv", lines("name,phone", "a," + N[0]).encode() + b"\x98," + N[1].encode() + b"\r\n")
    save("iso88591-c1.csv", b"name,phone\r\nJos\xe9,380\x96971112233\r\nIn\xeas,+7\x85910\xa01112233\r\n")
    # delimiters and enclosures
    save("semicolons.csv", ASCII_LIST)
    save("bars.csv", ASCII_LIST.replace(";", "|"))
    save("single-quotes.csv", lines("'name','phone','note'", "'Olena','%s','a, b'" % N[0], "'O''Hara','+7 (910) 111-22-33','x\ny'",
                                    "'Yerlan','%s',''" % N[2]))
    save("double-quotes.csv", lines('"name","phone","note"', '"Olena","%s","a, b"' % N[0],
                                    '"Boris ""B""","+7 (910) 111-22-33","x\r\ny"', '"Yerlan","%s",""' % N[2]))
    save("quote-inside-field.csv", lines("name,phone", '5" screen,' + N[0], "O'Hara," + N[1], 'a"b"c,' + N[2]))
    save("unclosed-quote-start.csv", lines('name,phone', '"Olena,' + N[0], "Boris," + N[1], "Yerlan," + N[2]))
    save("unclosed-quote-middle.csv", lines("name,phone", "a," + N[0], "b," + N[1], '"c,' + N[2], "d," + N[3], "e," + N[4]))
    save("excel-text-marker.csv", lines("phone,name", "'" + N[0] + ",Olena", "'" + N[1] + ",Boris", "'+7 707 111 22 33,Yerlan",
                                        "'0971112233,Halyna", "'" + N[0] + ",Olena again"))
    # Excel
    save("excel-exponents.csv", lines("phone;name", "3,80971112233E+11;full, comma", "3.80971112255E+11;full, point", "3,80971E+11;lost",
                                      "7,91E+10;lost", "7.9101112233E+10;full", "7.7071112233e10;full, small e", "3,8097111223E+11;one digit lost"))
    save("dot-zero.csv", lines("phone;name", "380971112233.0;float", "79101112233,0;comma", "77071112233.00;two", "380971112255.5;a half",
                               "447400123456,000;three"))
    save("formula-injection.csv", lines('name,phone', "\"=cmd|' /C calc'!A0\"," + N[0], "x,=cmd|' /C calc'!A0", "x,@SUM(1+1)*cmd|' /C calc'!A0",
                                        "x,-2+3", "x,+4915123456789", "x,'=x", 'x,"=HYPERLINK(""http://example.com"",""380971112233"")"',
                                        'x,"=""79101112233"""', "=1+1," + N[2]))
    # characters
    save("invisible.csv", lines("phone;name", N[0] + "\u00a0;NBSP", "\u200b" + N[1] + ";ZWSP", "7\u2009707\u2009111\u20092233;thin",
                                "\u202a+380971112255\u202c;bidi", "\u00a0\u200b;nothing", "\ufeff447400123456;BOM inside", "55\u00ad11961234567;soft hyphen",
                                "380\u20110971112266;hyphen, and a 0 too many"))
    save("digits-of-other-scripts.csv", lines("phone;name", "\uff0b\uff13\uff18\uff10\uff19\uff17\uff11\uff11\uff11\uff12\uff12\uff13\uff13;full-width",
                                              "".join(chr(0x660 + int(d)) for d in N[1]) + ";Arabic",
                                              "".join(chr(0x6f0 + int(d)) for d in N[2]) + ";Persian",
                                              "".join(chr(0x966 + int(d)) for d in N[3]) + ";Devanagari",
                                              "+38\u3007971112233;ideographic zero", "380971112233²;superscript"))
    save("control-characters.csv", lines("phone;name", "380971112233\x01;SOH", "\x1b[31m79101112233\x1b[0m;terminal colours",
                                         "77071112233\x08;backspace", "\x7f;DEL", "447400123456;\x07bell"))
    save("nul-bytes.csv", lines("phone,name", "380971112233\x00,a", "\x00\x00,b", "79\x00101112233,c", "77071112233,d\x00"))
    save("emoji-long-text.csv", lines("name;phone;note", "👩‍👩‍👧‍👦 Семья;" + N[0] + ";" + "очень длинно 🙂 " * 6000,
                                      "🇺🇦;🇺🇦 +380 97 111 22 55;", "x;" + N[1] + "📱;", "x;" + "9" * 20000 + ";"))
    # headers and rows
    save("duplicate-headers.csv", lines("phone,name,name", N[0] + ",a,b", N[1] + ",c,d"))
    save("duplicate-recipient.csv", lines("recipient,name,recipient", N[0] + ",a," + N[1], N[1] + ",c," + N[2]))
    save("near-miss-recipient.csv", lines("Recipient,name", N[0] + ",a", N[1] + ",c"))
    save("near-miss-placeholder.csv", lines("recipient,name,balance", N[0] + ",a,1", N[1] + ",c,2"))
    save("bad-placeholder-name.csv", lines("recipient,first name,баланс", N[0] + ",a,1", N[1] + ",c,2"))
    save("header-near-miss-phone.csv", lines("Имя; Телефон (моб.) ;Город", "Анна;" + N[1] + ";Москва", "Олена;" + N[0] + ";Київ"))
    save("short-long-rows.csv", lines("name,phone,city", "a," + N[0] + ",Kyiv", "b," + N[1], N[2], "c," + N[2] + ",Almaty,extra",
                                      "d," + N[3] + ",Kyiv", ",,,,", "e,," , "   ", "f," + N[4] + ",London,"))
    save("blank-lines.csv", "name,phone,city\r\n\r\na," + N[0] + ",Kyiv\r\n\r\n\r\n   \r\n,,\r\n , , \r\n\t\r\nb," + N[1] + ",Moscow\r\n\"\"\r\nc,,Kyiv\r\nd,\u00a0,Kyiv\r\n\r\n")
    save("blank-lines.txt", "\n" + N[0] + "\n\n \n" + N[1] + "\n\u200b\n\n\n" + N[2])
    save("cr-only.csv", lines("name;phone", "a;" + N[0], "b;" + N[1], 'c;"+7 707\r111 22 33"', "d;" + N[0], end="\r"))
    save("mixed-ends.csv", "name;phone\r\na;" + N[0] + "\nb;" + N[1] + "\rc;" + N[2] + "\r\n\n\rd;" + N[3] + "\n\r\ne;" + N[0])
    save("several-in-cell.csv", lines("phone;name", N[0] + "," + N[1] + ";comma", '"' + N[2] + "\n" + N[0] + '";LF', N[3] + " / " + N[4] + ";slash",
                                      "+5511961234567+5521961234567;plus", "4915123456789:::393471234567;Google", '"+44 20 7183 8750; +44 7400 123456";fixed first',
                                      "12015550123, 12345;second does not read", "моб. 380671112233 | тел. 380501112233;labels", "393471234567;one"))
    save("many-columns.csv", "".join(",".join(row) + "\r\n" for row in (
        ["phone" if n == 15000 else "c%d" % n for n in range(1, 20001)],
        [N[0] if n == 15000 else "" for n in range(1, 20001)],
        ["+7 910 111 22 33" if n == 15000 else "x" for n in range(1, 20001)],
        ["" if n == 15000 else "1" for n in range(1, 20000)])))
    # hardly anything
    save("empty.csv", b"")
    save("only-bom.csv", b"\xef\xbb\xbf")
    save("only-header.csv", lines("name;phone;city"))
    save("only-line-ends.txt", b"\n\r\n\r\n\n")
    # not a list at all
    rng = random.Random(20264)
    save("random.bin", bytes(rng.randrange(256) for _ in range(4096)))
    save("picture.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
         b"\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82")
    save("document.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
         b"trailer<</Root 1 0 R>>\n%%EOF\n")
    save("list.csv.xz", lzma.compress(LIST.encode()))
    save("list.csv.bz2", bz2.compress(LIST.encode()))
    save("list.csv.7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(rng.randrange(256) for _ in range(200)))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as box:
        box.writestr(zipfile.ZipInfo("list.csv", (2026, 1, 1, 12, 0, 0)), LIST)
    save("list.csv.zip", archive.getvalue())
    save("xlsx-in-name-only.xlsx", LIST)
    save("csv-in-name-only.csv", open(os.path.join(FILES, "openpyxl-numeric.xlsx"), "rb").read())


# ---------------------------------------------------------------- spreadsheets

NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def zip_xlsx(name, sheet, strings=None):
    """A bare XLSX; `sheet` is bytes or a list of pieces to stream."""
    parts = {
        "[Content_Types].xml": '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        + ('<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>' if strings else "") + "</Types>",
        "_rels/.rels": '<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": '<?xml version="1.0" encoding="UTF-8"?><workbook ' + NS + ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
        + ('<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/>' if strings else "") + "</Relationships>",
    }
    if strings:
        parts["xl/sharedStrings.xml"] = strings
    with zipfile.ZipFile(path(name), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as box:
        for part, text in parts.items():
            info = zipfile.ZipInfo(part, (2026, 1, 1, 12, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            box.writestr(info, text)
        info = zipfile.ZipInfo("xl/worksheets/sheet1.xml", (2026, 1, 1, 12, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        with box.open(info, "w", force_zip64=True) as out:
            for piece in ([sheet] if isinstance(sheet, str) else sheet):
                out.write(piece.encode() if isinstance(piece, str) else piece)


def sheet_xml(rows, dimension=""):
    return ('<?xml version="1.0" encoding="UTF-8"?><worksheet ' + NS + ">" + dimension
            + "<sheetData>" + rows + "</sheetData></worksheet>")


def number_cell(ref, digits):
    return '<c r="%s"><v>%s</v></c>' % (ref, digits)


def sheets():
    # numeric cells in every dress; A text, B number
    cells = [("General", 380971112233, "General"), ("0", 79101112233, "0"), ("a date format", 77071112233, "yyyy-mm-dd"),
             ("exponent format", 380971112255, "0.00E+00"), ("thousands", 447400123456, "#,##0"), ("phone mask", 5511961234567, "+00 (00) 00000-0000"),
             ("a real date", 45000, "yyyy-mm-dd"), ("a fraction", 380971112266.5, "General"), ("currency", 4915123456789, '#,##0.00 "€"'),
             ("text format", 393471234567, "@"), ("nothing", None, "General"), ("zero", 0, "General"), ("seven digits", 6907290, "General")]
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = FIXED
    page = book.active
    page.append(["name", "phone"])
    for number, (name, value, shape) in enumerate(cells, 2):
        page.cell(number, 1, name)
        if value is not None:
            page.cell(number, 2, value).number_format = shape
    page.cell(len(cells) + 2, 1, "error")
    wrong = page.cell(len(cells) + 2, 2)
    wrong.value, wrong.data_type = "#N/A", "e"
    book.save(path("excel-numeric-cells.xlsx"))

    book = xlwt.Workbook()
    page = book.add_sheet("Sheet1")
    for column, name in enumerate(["name", "phone"]):
        page.write(0, column, name)
    for number, (name, value, shape) in enumerate(cells, 1):
        page.write(number, 0, name)
        if value is not None:
            page.write(number, 1, value, xlwt.easyxf(num_format_str=shape))
    page.write(len(cells) + 1, 0, "error")
    page.row(len(cells) + 1).set_cell_error(1, 0x2a)
    book.save(path("excel-numeric-cells.xls"))

    # several sheets
    other = [["phone"], ["380971112233"], ["79101112233"], ["380971112233"]]
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = FIXED
    book.active.title = "Info"
    for row in (["phone"], ["77071112233"], ["read me first"]):
        book.active.append(row)
    page = book.create_sheet("Номера")
    for row in other:
        page.append(row)
    book.save(path("two-sheets.xlsx"))
    book = xlwt.Workbook()
    for title, rows in (("Info", [["phone"], ["77071112233"], ["read me first"]]), ("Номера", other)):
        page = book.add_sheet(title)
        for number, row in enumerate(rows):
            page.write(number, 0, row[0])
    book.save(path("two-sheets.xls"))
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = FIXED
    book.save(path("empty-sheet.xlsx"))
    book = xlwt.Workbook()
    book.add_sheet("Sheet1")
    book.save(path("empty-sheet.xls"))

    # how XLSX can hold a text: shared, rich (with a reading aid), inline, result of a formula, escaped CR
    strings = ('<?xml version="1.0" encoding="UTF-8"?><sst ' + NS + ' count="4" uniqueCount="4"><si><t>phone</t></si><si><t>380971112233</t></si>'
               '<si><r><t>7910</t></r><r><rPr><b/></rPr><t xml:space="preserve"> 1112233 </t></r><rPh sb="0" eb="1"><t>999</t></rPh></si>'
               '<si><t>77071112233_x000D_</t></si></sst>')
    rows = ('<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row><row r="3"><c r="A3" t="s"><v>2</v></c></row>'
            '<row r="4"><c r="A4" t="inlineStr"><is><t>+380 97 111 22 55</t></is></c></row><row r="5"><c r="A5" t="str"><f>"4474"&amp;"00123456"</f><v>447400123456</v></c></row>'
            '<row r="6"><c r="A6"><f>1*5511961234567</f><v>5511961234567</v></c></row><row r="7"><c r="A7"><v>4.915123456789E12</v></c></row>'
            '<row r="8"/><row r="9"><c r="A9" t="s"><v>3</v></c></row>')
    zip_xlsx("xlsx-kinds-of-text.xlsx", sheet_xml(rows), strings)
    # rows and cells without addresses (some generators leave them out)
    zip_xlsx("xlsx-no-addresses.xlsx", sheet_xml("<row><c t=\"inlineStr\"><is><t>phone</t></is></c></row><row><c><v>380971112233</v></c></row>"
                                                 "<row><c><v>79101112233</v></c></row>"))

    # sizes that lie
    one = '<row r="1">' + number_cell("A1", N[0]) + "</row>"
    zip_xlsx("xlsx-dimension-huge.xlsx", sheet_xml(one, '<dimension ref="A1:XFD1048576"/>'))
    zip_xlsx("xlsx-dimension-wrong.xlsx", sheet_xml(one + '<row r="2">' + number_cell("A2", N[1]) + "</row>", '<dimension ref="A1"/>'))
    zip_xlsx("xlsx-last-cell.xlsx", sheet_xml(one + '<row r="1048576">' + number_cell("XFD1048576", "1") + "</row>"))
    zip_xlsx("xlsx-beyond-last-cell.xlsx", sheet_xml(one + '<row r="4294967295">' + number_cell("ZZZZZZZ4294967295", "1") + "</row>"))
    zip_xlsx("xlsx-sst-count.xlsx", sheet_xml('<row r="1"><c r="A1" t="s"><v>0</v></c></row>'),
             '<?xml version="1.0" encoding="UTF-8"?><sst ' + NS + ' count="4294967295" uniqueCount="4294967295"><si><t>380971112233</t></si></sst>')
    zip_xlsx("xlsx-sst-index.xlsx", sheet_xml('<row r="1"><c r="A1" t="s"><v>4000000000</v></c></row>'),
             '<?xml version="1.0" encoding="UTF-8"?><sst ' + NS + ' count="1" uniqueCount="1"><si><t>380971112233</t></si></sst>')
    entities = '<!DOCTYPE worksheet [<!ENTITY a "1111111111">' + "".join(
        '<!ENTITY %s "%s">' % (chr(98 + n), ("&%s;" % chr(97 + n)) * 10) for n in range(9)) + "]>"
    zip_xlsx("xlsx-entities.xlsx", '<?xml version="1.0" encoding="UTF-8"?>' + entities + "<worksheet " + NS
             + '><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&j;</t></is></c></row></sheetData></worksheet>')
    ods("ods-repeated.ods", '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384" '
        'office:value-type="string"><text:p>380971112233</text:p></table:table-cell></table:table-row>')
    # Less than the limit of calamine, more than 2 GiB.
    ods("ods-90-million.ods", '<table:table-row table:number-rows-repeated="90000"><table:table-cell table:number-columns-repeated="1000" '
        'office:value-type="string"><text:p>380971112233</text:p></table:table-cell></table:table-row>')
    ods("ods-empty-tail.ods", '<table:table-row><table:table-cell office:value-type="string"><text:p>phone</text:p></table:table-cell>'
        '<table:table-cell table:number-columns-repeated="16383"/></table:table-row>'
        '<table:table-row table:number-rows-repeated="3"><table:table-cell office:value-type="float" office:value="380971112233"><text:p>3.80971E+011</text:p></table:table-cell></table:table-row>'
        '<table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
        '<table:table-row><table:table-cell office:value-type="string"><text:p>79101112233</text:p></table:table-cell></table:table-row>'
        '<table:table-row table:number-rows-repeated="1048569"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>')

    # XLS
    book = xlwt.Workbook()
    page = book.add_sheet("Sheet1")
    page.write(0, 0, N[0])
    page.write(65535, 255, "corner")
    book.save(path("xls-corners.xls"))
    book = xlwt.Workbook()
    page = book.add_sheet("Sheet1")
    page.write(0, 0, N[0])
    page.write(1, 0, N[1])
    page.write(1, 1, 1.2345678901)
    plain = io.BytesIO()
    book.save(plain)
    # LABELSST 0x00FD and NUMBER 0x0203: rw u16, col u16, ...; DIMENSIONS 0x0200: rwMic u32, rwMac u32, colMic u16, colMac u16
    save("xls-dimensions-huge.xls", patch_records(plain.getvalue(), 0x0200, lambda body: struct.pack("<IIHH", 0, 0xffffffff, 0, 0xffff) + body[12:]))
    save("xls-column-65535.xls", patch_records(plain.getvalue(), 0x0203, lambda body: body[:2] + struct.pack("<H", 65535) + body[4:]))
    save("xls-endless-record.xls", patch_length(plain.getvalue()))
    # broken containers
    whole = open(os.path.join(FILES, "openpyxl-numeric.xlsx"), "rb").read()
    save("truncated.xlsx", whole[:len(whole) // 2])
    whole = open(os.path.join(FILES, "xlwt-numeric.xls"), "rb").read()
    save("truncated.xls", whole[:len(whole) // 2])
    whole = open(os.path.join(FILES, "contacts-comma-utf8.csv.gz"), "rb").read()
    save("truncated.csv.gz", whole[:len(whole) // 2])
    broken = bytearray(whole)
    broken[-6] ^= 0xff
    save("bad-checksum.csv.gz", bytes(broken))
    whole = open(os.path.join(FILES, "contacts-comma-utf8.csv.zst"), "rb").read()
    save("truncated.csv.zst", whole[:len(whole) // 2])
    save("two-members.csv.gz", b"".join(gzip.compress(part.encode(), mtime=0) for part in
                                         (lines("name;phone", "a;" + N[0]), lines("b;" + N[1], "c;" + N[0]))))


def ods(name, rows):
    content = ('<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
               'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2">'
               '<office:body><office:spreadsheet><table:table table:name="Sheet1">' + rows + "</table:table></office:spreadsheet></office:body></office:document-content>")
    manifest = ('<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">'
                '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
                '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>')
    with zipfile.ZipFile(path(name), "w") as box:
        for part, text, method in (("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED),
                                   ("content.xml", content, zipfile.ZIP_DEFLATED), ("META-INF/manifest.xml", manifest, zipfile.ZIP_DEFLATED)):
            info = zipfile.ZipInfo(part, (2026, 1, 1, 12, 0, 0))
            info.compress_type = method
            box.writestr(info, text)


def records(data):
    """Places of the BIFF records in an XLS made by xlwt (its stream is contiguous from 512)."""
    place = 512
    while place + 4 <= len(data):
        kind, size = struct.unpack_from("<HH", data, place)
        if kind == 0 and size == 0:
            break
        yield place, kind, size
        place += 4 + size


def patch_records(data, wanted, change):
    data = bytearray(data)
    hits = 0
    for place, kind, size in list(records(bytes(data))):
        if kind == wanted:
            body = change(bytes(data[place + 4:place + 4 + size]))
            assert len(body) == size
            data[place + 4:place + 4 + size] = body
            hits += 1
    assert hits, "record not found"
    return bytes(data)


def patch_length(data):
    """The last NUMBER record claims 65,535 bytes."""
    data = bytearray(data)
    place = [place for place, kind, size in records(bytes(data)) if kind == 0x0203][-1]
    struct.pack_into("<H", data, place + 2, 0xffff)
    return bytes(data)


# ------------------------------------------------------------------ what takes long

def bombs():
    def flood():
        head, tail = sheet_xml('<row r="1"><c r="A1" t="inlineStr"><is><t>\x00</t></is></c></row>').split("\x00")
        yield head
        for _ in range(2048):
            yield b"1" * (1 << 20)
        yield tail
    zip_xlsx("xlsx-bomb.xlsx", flood())
    with open(path("one-line-1gb.csv.zst"), "wb") as out:
        packer = subprocess.Popen(["zstd", "-q", "-19", "--no-check", "-c"], stdin=subprocess.PIPE, stdout=out)
        for _ in range(1024):
            packer.stdin.write(b"1" * (1 << 20))
        packer.stdin.close()
        assert packer.wait() == 0
    with open(path("open-quote-1gb.csv.zst"), "wb") as out:
        packer = subprocess.Popen(["zstd", "-q", "-19", "--no-check", "-c"], stdin=subprocess.PIPE, stdout=out)
        packer.stdin.write(b"phone,name\n380971112233,a\n\"79101112233,b\n")
        block = b"77071112233,c\n" * 65536
        for _ in range(1170):
            packer.stdin.write(block)
        packer.stdin.close()
        assert packer.wait() == 0


def full_sheets():
    book = xlwt.Workbook()
    page = book.add_sheet("Sheet1")
    for number in range(65536):
        page.write(number, 0, 380970000000 + number)
    book.save(path("rows-65536.xls"))
    for rows in (65536, 65535):
        book = openpyxl.Workbook(write_only=True)
        book.properties.created = book.properties.modified = FIXED
        page = book.create_sheet("Sheet1")
        for number in range(rows):
            page.append([380970000000 + number])
        book.save(path("rows-%d.xlsx" % rows))
    text = "".join("%d\n" % (380970000000 + number) for number in range(65536))
    save("rows-65536.csv.gz", gzip.compress(text.encode(), 9, mtime=0))


def encrypted():
    import lo_encrypt
    import msoffcrypto.format.ooxml
    source = os.path.join(FILES, "xlwt-text.xls")
    for name, flt in (("encrypted.xls", "MS Excel 97"), ("encrypted.ods", "calc8")):
        if os.path.exists(path(name)):
            os.remove(path(name))
        lo_encrypt.encrypt(source, path(name), flt)
    with open(os.path.join(FILES, "openpyxl-text.xlsx"), "rb") as plain, open(path("encrypted.xlsx"), "wb") as out:
        msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("secret", out)


os.makedirs(GALLERY, exist_ok=True)
text_files()
sheets()
if not QUICK:
    encrypted()
    full_sheets()
    bombs()
