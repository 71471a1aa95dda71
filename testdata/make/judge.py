"""Rows of a file -> golden verdicts (D1, D2, D8-D10, D17, D18, R10, R11)."""

import re

import oracle

PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_-]+)\}")          # D20


def cell_text(cell):
    if cell is None:
        return ""
    if isinstance(cell, bool):
        raise ValueError("no boolean cells in the test data")
    if isinstance(cell, (int, float)):
        return oracle.numeric_cell_text(cell)               # D13
    return cell


def judge(rows, *, column=0, header=True, sheet=False, width=None, lines="mobile", region=None,
          several="reject", countries=None, own_stop=(), system_stop=(), text=None, placeholders=1):
    """`rows` as readers.py gives them; -> list of golden rows."""
    own = {oracle.verdict(line)["number"] for line in own_stop}
    system = {oracle.verdict(line)["number"] for line in system_stop}
    assert None not in own and None not in system
    names = None
    if header:
        names = [cell_text(cell) for cell in rows[0][1]]
        width = len(names)
        rows = rows[1:]
    if width is None:
        width = 1
    wanted = PLACEHOLDER.findall(text) if text else []
    added, golden = {}, []
    for number, cells in rows:
        fields = [cell_text(cell) for cell in cells]
        if all(oracle.is_blank(field) for field in fields):             # R10, before row_shape
            results = [oracle.answer(1, "empty" if all(f == "" for f in fields) else "blank")]
        elif not sheet and len(fields) != width:                        # D18
            results = [oracle.answer(2, "row_shape")]
        else:
            recipient = fields[column] if column < len(fields) else ""
            results = oracle.verdicts(recipient, lines=lines, region=region, several=several)
        for result in results:
            row = {"row": number}
            row.update(result)
            row["duplicate_of"] = None
            if row["code"] == 0:                                        # D1: 6, 8, 5, 20, 4
                digits = row["number"]
                if countries and row["territory"] not in countries:
                    row["code"], row["reason"] = 6, "territory_not_allowed"
                elif digits in own:
                    row["code"], row["reason"] = 5, "own_stop_list"
                elif digits in system:
                    row["code"], row["reason"] = 5, "system_stop_list"
                elif placeholders == 3 and any(name not in names for name in wanted):
                    row["code"], row["reason"] = 20, "missing_placeholder"
                elif digits in added:
                    row["code"], row["reason"], row["duplicate_of"] = 4, "duplicate", added[digits]
                else:
                    added[digits] = number
            golden.append(row)
    return golden


def exit_code(golden):
    if not any(row["code"] == 0 for row in golden):
        return 3
    return 1 if any(row["code"] != 0 for row in golden) else 0
