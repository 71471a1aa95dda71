#!/usr/bin/env python3
"""Writes crates/recipients-core/data/operators.tsv from the PyPI package `phonenumbers`.

Usage: pip install phonenumbers==9.0.42 && python3 xtask/operators.py

One line an operator: its name, a tab, then the number prefixes (calling code included) of the
ranges that were allocated to it, separated by spaces. The data is Google's (libphonenumber,
resources/carrier, Apache-2.0); the package is a port of it under the same licence.
"""
import collections, pathlib, phonenumbers
from phonenumbers.carrierdata import CARRIER_DATA

ranges = collections.defaultdict(list)
for prefix, names in CARRIER_DATA.items():
    name = names.get("en", "").strip()
    if name:
        ranges[name].append(prefix)
out = pathlib.Path(__file__).resolve().parent.parent / "crates/recipients-core/data/operators.tsv"
with out.open("w", encoding="utf-8", newline="\n") as f:
    f.write(f"# Holders of number ranges, libphonenumber {phonenumbers.__version__} (resources/carrier/en), "
            "Apache-2.0, through PyPI phonenumbers; made by xtask/operators.py\n")
    for name in sorted(ranges):
        assert "\t" not in name
        f.write(name + "\t" + " ".join(sorted(ranges[name])) + "\n")
print(f"{len(ranges)} operators, {sum(map(len, ranges.values()))} prefixes")
