"""Writes numbers/examples.tsv and numbers/invalid.tsv.

The numbers are Google's published examples (metadata of the pinned version of
`phonenumbers`); only the verdicts beside them come from oracle.py, so that the
files are no tautology: the numbers were chosen by the makers of the plan.
"""

import os

import phonenumbers
from phonenumbers import PhoneNumberType

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))
NUMBERS = os.path.join(HERE, "..", "numbers")


def row(digits, published_territory, published_kind):
    got = oracle.verdict(digits)
    return "\t".join([digits, got["territory"] or "", got["kind"] or "", str(got["code"]),
                      got["reason"], published_territory, published_kind])


def write(name, rows):
    with open(os.path.join(NUMBERS, name), "w", encoding="utf-8", newline="\n") as out:
        out.write("number\tterritory\tkind\tcode\treason\tpublished_territory\tpublished_kind\n")
        out.write("\n".join(rows) + "\n")
    print(name, len(rows))


examples = []
for region in sorted(phonenumbers.SUPPORTED_REGIONS):
    for kind in sorted(oracle.KIND_NAMES):
        number = phonenumbers.example_number_for_type(region, kind)
        # asked for "fixed line or mobile", the library answers with the fixed line's example
        # where the plan tells the two apart: that number is in the list already
        if number is not None and not (
                kind == PhoneNumberType.FIXED_LINE_OR_MOBILE
                and number == phonenumbers.example_number_for_type(region, PhoneNumberType.FIXED_LINE)
                and number != phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)):
            examples.append(row(oracle.canonical(number), region, oracle.KIND_NAMES[kind]))
for calling_code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
    metadata = phonenumbers.PhoneMetadata.metadata_for_nongeo_region(calling_code, None)
    for attribute, kind in (("mobile", PhoneNumberType.MOBILE), ("fixed_line", PhoneNumberType.FIXED_LINE),
                            ("toll_free", PhoneNumberType.TOLL_FREE), ("premium_rate", PhoneNumberType.PREMIUM_RATE),
                            ("shared_cost", PhoneNumberType.SHARED_COST), ("voip", PhoneNumberType.VOIP),
                            ("uan", PhoneNumberType.UAN), ("voicemail", PhoneNumberType.VOICEMAIL),
                            ("pager", PhoneNumberType.PAGER), ("personal_number", PhoneNumberType.PERSONAL_NUMBER)):
        description = getattr(metadata, attribute)
        if description is not None and description.example_number:
            examples.append(row(str(calling_code) + description.example_number, "001",
                                oracle.KIND_NAMES[kind]))
write("examples.tsv", examples)

invalid = []
for region in sorted(phonenumbers.SUPPORTED_REGIONS):
    number = phonenumbers.invalid_example_number(region)
    if number is not None:
        invalid.append(row(oracle.canonical(number), region, ""))
write("invalid.tsv", invalid)
