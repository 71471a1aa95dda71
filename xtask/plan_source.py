#!/usr/bin/env python3
"""Writes the source of the numbering plan from a wheel of the PyPI package `phonenumbers`.

Usage: python3 xtask/plan_source.py phonenumbers-9.0.43-py2.py3-none-any.whl OUT_FOLDER

`cargo xtask plan refresh` fetches the newest wheel and runs this; nothing is installed. It writes
metadata.tsv (patterns, lengths, prefixes of every territory) and carriers.tsv (holders of number
ranges). The data is Google's (libphonenumber, Apache-2.0); the package is a port of it under the
same licence.
"""
import pathlib, sys, zipfile

wheel, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.insert(0, str(wheel))
import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.carrierdata import CARRIER_DATA

with zipfile.ZipFile(wheel) as archive:
    date = max(entry.date_time[:3] for entry in archive.infolist())
about = (f"# version\tlibphonenumber {phonenumbers.__version__}\n"
         f"# date\t{date[0]:04}-{date[1]:02}-{date[2]:02}\n"
         "# licence\tApache-2.0\n"
         f"# source\tGoogle libphonenumber, through PyPI {wheel.name}\n")

# In the order in which Google's library asks for them; the fixed line and the mobile come last.
KINDS = ["general_desc", "premium_rate", "toll_free", "shared_cost", "voip", "personal_number",
         "pager", "uan", "voicemail", "fixed_line", "mobile"]


def text(value):
    value = value or ""
    assert "\t" not in value and "\n" not in value
    return value


def numbers(values):
    return ",".join(str(v) for v in values if v >= 0)


with (out / "metadata.tsv").open("w", encoding="utf-8", newline="\n") as f:
    f.write(about)
    f.write("# T\tterritory\tcalling code\tleading digits\tinternational prefix\t"
            "national prefix for parsing\ttransform rule\n")
    f.write("# K\tkind\tlengths\tlengths of local dialling\tpattern\n")
    for code, territories in sorted(COUNTRY_CODE_TO_REGION_CODE.items()):
        # The main territory of a calling code comes first; the order of the rest counts too.
        for territory in territories:
            if territory == "001":
                meta = PhoneMetadata.metadata_for_nongeo_region(code, None)
            else:
                meta = PhoneMetadata.metadata_for_region(territory, None)
            transform = text(meta.national_prefix_transform_rule).replace("\\", "$")
            f.write("\t".join(["T", territory, str(code), text(meta.leading_digits),
                               text(meta.international_prefix),
                               text(meta.national_prefix_for_parsing), transform]) + "\n")
            for kind in KINDS:
                desc = getattr(meta, kind)
                if desc is None or not desc.national_number_pattern:
                    continue
                f.write("\t".join(["K", kind.replace("_desc", ""), numbers(desc.possible_length),
                                   numbers(desc.possible_length_local_only),
                                   text(desc.national_number_pattern)]) + "\n")
            # The compiler takes equal patterns for the sign that fixed and mobile lines cannot be
            # told apart, as Google's builder does.
            patterns = [getattr(meta, kind) and getattr(meta, kind).national_number_pattern
                        for kind in ("fixed_line", "mobile")]
            same = patterns[0] == patterns[1]
            assert same == bool(meta.same_mobile_and_fixed_line_pattern) or patterns == [None, None], territory

with (out / "carriers.tsv").open("w", encoding="utf-8", newline="\n") as f:
    f.write(about)
    f.write("# prefix\tholder\n")
    for prefix in sorted(CARRIER_DATA):
        name = text(CARRIER_DATA[prefix].get("en")).strip()
        if name:
            f.write(f"{prefix}\t{name}\n")
print(f"libphonenumber {phonenumbers.__version__}")
