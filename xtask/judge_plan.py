#!/usr/bin/env python3
"""Holds the committed plan against the PyPI package `phonenumbers` of the same version.

Usage: pip install phonenumbers==9.0.43
       cargo run --release -p numbering-plan-oracle --bin judge -- --dump > cells.tsv
       python3 xtask/judge_plan.py cells.tsv

The cells are the cover of the automaton, 300,000 of each list and two million random numbers. Cells
that Google's library reads otherwise than our decisions want (letters, characters that it does not
know) are given to it as digits, or must have letters in them; both are counted apart.
"""
import multiprocessing, re, sys, unicodedata
import phonenumbers
from phonenumbers import NumberParseException as E, PhoneNumberType as T, ValidationResult as V

KINDS = {T.FIXED_LINE: "fixed_line", T.MOBILE: "mobile", T.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
         T.TOLL_FREE: "toll_free", T.PREMIUM_RATE: "premium_rate", T.SHARED_COST: "shared_cost",
         T.VOIP: "voip", T.PERSONAL_NUMBER: "personal_number", T.PAGER: "pager", T.UAN: "uan",
         T.VOICEMAIL: "voicemail"}
STANDINGS = {V.IS_POSSIBLE: "Possible", V.IS_POSSIBLE_LOCAL_ONLY: "LocalOnly", V.TOO_SHORT: "TooShort",
             V.TOO_LONG: "TooLong", V.INVALID_LENGTH: "ImpossibleLength",
             V.INVALID_COUNTRY_CODE: "UnknownCallingCode"}
PLAIN = re.compile("[+\uff0b]?\\d[-\u2010-\u2015\u2212\u30fc\uff0d-\uff0f \u00a0\u00ad\u200b\u2060\u3000()\uff08\uff09"
                   "\uff3b\uff3d.\\[\\]/~\u2053\u223c\uff5e\\d]*(?<=\\d)")


def judge(line):
    cell, standing, number, code, territory, kind = line.rstrip("\n").split("\t")
    cell = cell.replace("\\t", "\t")
    digits = "".join(str(unicodedata.digit(c)) for c in cell if unicodedata.category(c) == "Nd")
    if standing in ("Letters", "Extension"):
        return "refused" if any(c.isalpha() for c in cell) else "disagreed"
    if standing in ("Blank", "NoDigits"):
        return "refused" if not digits else "disagreed"
    plain = PLAIN.fullmatch(cell.strip()) is not None
    if plain:
        text = cell.strip()
        text = "+" + text[2:] if text.startswith("00") else text if text[0] in "+\uff0b" else "+" + text
    else:
        text = "+" + (digits[2:] if digits.startswith("00") else digits)
    try:
        parsed = phonenumbers.parse(text)
    except E as error:
        same = {E.INVALID_COUNTRY_CODE: "UnknownCallingCode", E.TOO_LONG: "TooLong"}.get(
            error.error_type, "TooShort") == standing
        return ("agreed" if plain else "on digits") if same else "disagreed"
    national = phonenumbers.national_significant_number(parsed)
    valid = phonenumbers.is_valid_number(parsed)
    expected = ["Valid" if valid else STANDINGS[phonenumbers.is_possible_number_with_reason(parsed)],
                str(parsed.country_code) + national, str(parsed.country_code)]
    got = [standing, number, code]
    if len(expected[1]) > 19:
        expected[1] = ""
    if valid:
        expected += [phonenumbers.region_code_for_number(parsed), KINDS[phonenumbers.number_type(parsed)]]
        got += [territory, kind]
    return ("agreed" if plain else "on digits") if expected == got else "disagreed"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", newline="\n") as lines, multiprocessing.Pool() as pool:
        version = next(lines).split()[-1]
        assert version == phonenumbers.__version__, (version, phonenumbers.__version__)
        counts, kept = {}, []
        for line, ruling in ((l, r) for l, r in zip(open(sys.argv[1], encoding="utf-8", newline="\n").readlines()[1:],
                                                   pool.imap(judge, lines, 5000))):
            counts[ruling] = counts.get(ruling, 0) + 1
            if ruling == "disagreed" and len(kept) < 10:
                kept.append(line)
    print(sum(counts.values()), "cells:", counts)
    for line in kept:
        print("disagreed:", repr(line))
    sys.exit(1 if kept else 0)
