"""An independent judge of one cell of a recipients list.

Written from the rules alone (D = decisions, R = readings), never from the
product's code, on top of PyPI `phonenumbers`.  Slow and plain on purpose: each
step names the rule that it carries out.

    verdict("380 97 111-22-33")
    -> {"code": 0, "reason": "ok", "number": "380971112233",
        "territory": "UA", "kind": "mobile", "cleaned": True}
"""

import re
import sys
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult

PINNED = "9.0.43"
if phonenumbers.__version__ != PINNED:
    print("oracle.py: ERROR: phonenumbers %s is installed, the test data is made with %s"
          % (phonenumbers.__version__, PINNED), file=sys.stderr)

KIND_NAMES = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
}

# R1: code points that show nothing although Unicode calls them letters or symbols.
INVISIBLE = "\u3164\u115f\u1160\u2800\u034f"

# R3: words that may touch the first digit.
LABEL_WORDS = {
    "tel", "telephone", "phone", "mob", "mobile", "cell", "gsm", "sms", "whatsapp", "viber",
    "тел", "телефон", "моб", "мобильный", "мобильный телефон", "сот", "номер",
}
# R3: one letter that looks like a digit is never a label: Latin O o l I, Cyrillic О о.
DIGIT_LOOKALIKES = "OolI\u041e\u043e"
# R3: marks that begin an extension.
EXTENSION_MARKS = {"x", "ext", "extn", "extension", "доб", "вн"}

# D14/R6 "line breaks": every character that Unicode counts as a mandatory break.
LINE_BREAKS = "\n\r\v\f\x85\u2028\u2029"


# ------------------------------------------------------------------ R1 classes

def is_digit(ch):
    return unicodedata.category(ch) == "Nd"


def is_letter(ch):
    if ch in INVISIBLE:
        return False                       # invisible wins over "alphabetic" (Hangul fillers)
    return ch.isalpha() or unicodedata.category(ch) in ("No", "Nl")


def is_extraneous(ch):
    return not is_digit(ch) and not is_letter(ch)


def is_invisible(ch):
    return ch.isspace() or unicodedata.category(ch) in ("Cc", "Cf") or ch in INVISIBLE


def is_blank(text):
    return all(is_invisible(ch) for ch in text)


def ascii_digits(text):
    """The decimal digits of the text, whatever their script, as ASCII (D4)."""
    return "".join(str(unicodedata.decimal(ch)) for ch in text if is_digit(ch))


def fold_digits(text):
    return "".join(str(unicodedata.decimal(ch)) if is_digit(ch) else ch for ch in text)


# --------------------------------------------------------------------- answers

def answer(code, reason, number=None, territory=None, kind=None):
    return {"code": code, "reason": reason, "number": number,
            "territory": territory, "kind": kind, "cleaned": False}


def was_cleaned(text):
    """R8: the text is something else than [+]DIGITS in ASCII."""
    body = text[1:] if text.startswith("+") else text
    plain = body != "" and all(ch in "0123456789" for ch in body)
    return not plain


# ------------------------------------------------------- R7: digits and the plan

def canonical(parsed):
    return str(parsed.country_code) + phonenumbers.national_significant_number(parsed)


def lone_territory(calling_code):
    """R7: territory of a number that is not valid."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(calling_code, ())
    return regions[0] if len(regions) == 1 else None


def length_of_national_part(calling_code, national):
    """What the plan of the main territory says about a national part as written."""
    number = PhoneNumber(country_code=calling_code, national_number=int(national))
    zeros = len(national) - len(national.lstrip("0"))
    if zeros > 0:
        if int(national) == 0:
            zeros -= 1
        number.italian_leading_zero = True
        number.number_of_leading_zeros = zeros
    return phonenumbers.is_possible_number_with_reason(number)


def valid_number(parsed, lines, success_reason):
    """R7 end: the number is in the plan; the line policy decides (D7)."""
    kind = KIND_NAMES[phonenumbers.number_type(parsed)]
    territory = phonenumbers.region_code_for_number(parsed)
    number = canonical(parsed)
    if lines == "mobile" and kind not in ("mobile", "fixed_line_or_mobile"):
        return answer(7, "not_mobile", number, territory, kind)
    return answer(0, success_reason, number, territory, kind)


def international(digits, lines):
    """R7: digits in international writing, without plus."""
    reason_on_success = "ok"
    if digits.startswith("00"):                                   # D5, once only
        digits = digits[2:]
        reason_on_success = "idd_prefix"
    # D6, before the plan is asked
    if digits.startswith("0"):
        return answer(3, "leading_zero")
    if len(digits) < 7:
        return answer(3, "too_short")
    if len(digits) > 15:
        return answer(3, "too_long")
    try:
        parsed = phonenumbers.parse("+" + digits, None)
    except phonenumbers.NumberParseException as problem:
        if problem.error_type == problem.INVALID_COUNTRY_CODE:    # D7
            return answer(7, "unknown_calling_code", digits)
        if problem.error_type in (problem.TOO_SHORT_NSN, problem.TOO_SHORT_AFTER_IDD):
            return answer(3, "too_short")
        if problem.error_type == problem.TOO_LONG:
            return answer(3, "too_long")
        raise
    calling_code = parsed.country_code
    territory = lone_territory(calling_code)

    if canonical(parsed) != digits:                               # D6, trunk prefix
        if phonenumbers.is_valid_number(parsed):
            return valid_number(parsed, lines, "trunk_prefix_removed")
        national = digits[len(str(calling_code)):]
        if length_of_national_part(calling_code, national) == ValidationResult.IS_POSSIBLE:
            if lines == "possible":
                return answer(0, reason_on_success, digits, territory)
            return answer(7, "unknown_range", digits, territory)
        return answer(3, "trunk_prefix", None, territory)

    if phonenumbers.is_valid_number(parsed):
        return valid_number(parsed, lines, reason_on_success)

    length = phonenumbers.is_possible_number_with_reason(parsed)
    if length in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return answer(3, "too_short", None, territory)
    if length == ValidationResult.TOO_LONG:
        return answer(3, "too_long", None, territory)
    if length == ValidationResult.INVALID_LENGTH:
        return answer(3, "impossible_length", None, territory)
    if length != ValidationResult.IS_POSSIBLE:
        raise AssertionError("unexpected length result %r for %s" % (length, digits))
    if lines == "possible":
        return answer(0, reason_on_success, digits, territory)
    return answer(7, "unknown_range", digits, territory)


# ------------------------------------------------------------- R9: with a region

def parse_national(digits, region):
    try:
        return phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None


def starts_international(rest, digits):
    """R9: first character that is not blank nor a bracket is a plus; or 00."""
    for ch in rest:
        if is_invisible(ch) or unicodedata.category(ch) in ("Ps", "Pe"):
            continue
        if ch in "+\uff0b":
            return True
        break
    return digits.startswith("00")


def read_digits(rest, lines, region):
    """`rest` has no letters any more; R7 and R9."""
    digits = ascii_digits(rest)
    abroad = international(digits, lines)
    if region is None or starts_international(rest, digits):
        return abroad
    home = parse_national(digits, region)
    if home is not None and phonenumbers.is_valid_number(home):
        changed = canonical(home) != digits
        return valid_number(home, lines, "national_reading" if changed else "ok")
    if abroad["kind"] is not None:                 # valid in international reading
        return abroad
    if lines == "possible" and home is not None:
        if phonenumbers.is_possible_number_with_reason(home) == ValidationResult.IS_POSSIBLE:
            changed = canonical(home) != digits
            return answer(0, "national_reading" if changed else "ok", canonical(home),
                          lone_territory(home.country_code))
    return abroad


def reads_as_number(rest, region):
    """R4: in international reading, or in national reading if a region is set."""
    digits = ascii_digits(rest)
    if digits == "":
        return False
    abroad = international(digits, "any")
    if abroad["code"] not in (1, 2, 3) and abroad["reason"] != "unknown_calling_code":
        return True
    if region is None or starts_international(rest, digits):
        return False
    home = parse_national(digits, region)
    if home is None:
        return False
    if phonenumbers.is_valid_number(home):
        return True
    return phonenumbers.is_possible_number_with_reason(home) == ValidationResult.IS_POSSIBLE


# ------------------------------------------------------------- R3: one number

def first_digit_at(text):
    for place, ch in enumerate(text):
        if is_digit(ch):
            return place
    return None


def is_extension(tail):
    """R3: `tail` begins with the first letter that comes after a digit."""
    mark = ""
    while tail and is_letter(tail[0]):
        mark += tail[0]
        tail = tail[1:]
    if mark.lower() not in EXTENSION_MARKS:
        return False
    while tail and is_extraneous(tail[0]):
        tail = tail[1:]
    count = 0
    while tail and is_digit(tail[0]):
        count += 1
        tail = tail[1:]
    # "up to the end": closing punctuation is extraneous and does not count
    return 1 <= count <= 9 and all(is_extraneous(ch) for ch in tail)


def split_label(text):
    """-> (rest, problem); `rest` is the text without its label."""
    start = first_digit_at(text)
    if start is None:
        return None, "no_digits"
    for place in range(start, len(text)):
        if is_letter(text[place]):
            return None, "extension" if is_extension(text[place:]) else "letters"
    head = text[:start]
    letters = [ch for ch in head if is_letter(ch)]
    if not letters:
        return text, None
    if len(letters) == 1 and letters[0] in DIGIT_LOOKALIKES:
        return None, "letters"
    # A formula that happens to hold a number is no label: nothing may be guessed (D3).
    if head[0] in "=@":
        return None, "letters"
    last_letter = max(place for place, ch in enumerate(head) if is_letter(ch))
    touching = last_letter == start - 1
    if touching:
        first_letter = min(place for place, ch in enumerate(head) if is_letter(ch))
        word = " ".join(head[first_letter:last_letter + 1].lower().split())
        if word not in LABEL_WORDS:
            return None, "letters"
    return text[last_letter + 1:], None


def one_number(text, lines, region):
    rest, problem = split_label(text)
    if problem is not None:
        return answer(2, problem)
    if rest != text and not reads_as_number(rest, region):       # R3 (b)
        return answer(2, "letters")
    return read_digits(rest, lines, region)


def piece_reads(text, region):
    rest, problem = split_label(text)
    return problem is None and reads_as_number(rest, region)


# ----------------------------------------------------- R6: several numbers (D14)

def pieces_of(text):
    pieces = [""]
    seen_digit = False
    place = 0
    while place < len(text):
        ch = text[place]
        if text.startswith(":::", place):
            pieces.append("")
            place += 3
            continue
        if ch in ",;/|" or ch in LINE_BREAKS:
            pieces.append("")
        elif ch in "+\uff0b" and seen_digit:
            pieces.append(ch)
        else:
            pieces[-1] += ch
        if is_digit(ch):
            seen_digit = True
        place += 1
    return [piece for piece in pieces
            if not is_blank(piece) and any(is_digit(ch) or is_letter(ch) for ch in piece)]


def several_pieces(text, region):
    pieces = pieces_of(text)
    if len(pieces) >= 2 and all(piece_reads(piece, region) for piece in pieces):
        return pieces
    return None


# ---------------------------------------------- R5: what Excel does to numbers (D13)

def take_digits(text):
    count = 0
    while count < len(text) and text[count] in "0123456789":
        count += 1
    return text[:count], text[count:]


def excel_form(text, region):
    """-> None (no such form), ("reason", why) or ("number", digits with the plus)."""
    text = fold_digits(re.sub(r"^[^\w+]+|\W+$", "", text))
    loose = loose_fraction(text, region)
    plus = ""
    if text.startswith("+"):
        plus, text = "+", text[1:]
    whole, rest = take_digits(text)
    if whole == "":
        return loose
    fraction = ""
    if rest[:1] in (".", ","):
        fraction, rest = take_digits(rest[1:])
        if fraction == "":
            return loose
    if rest[:1] in ("e", "E"):                                    # form (a)
        rest = rest[1:]
        sign = ""
        if rest[:1] in ("+", "-"):
            sign, rest = rest[0], rest[1:]
        size, rest = take_digits(rest)
        if size == "" or rest != "":
            return loose
        exponent = int(sign + size)
        if exponent > len(fraction):
            return ("reason", "precision_lost")
        mantissa = whole + fraction
        beyond = len(fraction) - exponent          # digits right of the moved point
        if beyond > len(mantissa):
            return ("reason", "fraction")
        kept, lost = mantissa[:len(mantissa) - beyond], mantissa[len(mantissa) - beyond:]
        if lost.strip("0") != "" or kept == "":
            return ("reason", "fraction")
        return ("number", plus + kept)
    if rest == "" and fraction != "" and len(whole) >= 7:         # form (b)
        if fraction.strip("0") == "":
            return ("number", plus + whole)
        if reads_as_number(plus + whole, region):
            return ("reason", "fraction")
    return loose


FRACTION = re.compile(
    r"""(?:.*?\d\s*[.,]\d                # a group of one digit is no group
      |.*?\d{4}\s*[.,]00               # two zeros behind a long group
      |.*?\d{7}\s*[.,]\d{2,}           # anything behind a very long one
      |\+?\d{1,3}(?:,\d{3})+\s*\.\d{2,}|\+?\d{1,3}(?:\.\d{3})+\s*,\d{2,})$""",
    re.X | re.S)


def loose_fraction(text, region):
    """form (c): a fraction behind a number that is not bare digits."""
    rest, problem = split_label(text)
    if problem is not None:
        return None
    labelled = rest != text
    text = re.sub(r"^[^\w+]+", "", rest)
    if not FRACTION.match(text):
        return None
    whole, fraction = re.fullmatch(r"(.*)[.,](\d+)", text, re.S).groups()
    digits = re.sub(r"\D", "", whole)
    if len(digits) < 7:
        return None
    plus = "+" if "+" in whole else ""
    if labelled and not reads_as_number(plus + digits, region):
        return None
    if fraction.strip("0") == "":
        if FRACTION.match(whole.rstrip()):
            return ("reason", "fraction")
        return ("number", plus + digits)
    if reads_as_number(plus + digits, region):
        return ("reason", "fraction")
    return None


# ------------------------------------------------------------------ R2: the cell

def verdicts(text, *, lines="mobile", region=None, several="reject"):
    """All verdicts of a cell: one, or one per number under several="explode"."""
    if text is None:
        return [answer(1, "missing")]
    if text == "":
        return [answer(1, "empty")]
    if is_blank(text):
        return [answer(1, "blank")]

    pieces = several_pieces(text, region)
    if pieces is not None:
        if several == "reject":
            return [answer(2, "several_numbers")]
        if several == "first":
            pieces = pieces[:1]
        results = [one_number(piece, lines, region) for piece in pieces]
        for result in results:
            result["cleaned"] = True               # R8: the cell held more than one number
        return results

    form = excel_form(text, region)
    if form is not None and form[0] == "reason":
        return [answer(2, form[1])]
    result = one_number(form[1] if form is not None else text, lines, region)
    if result["code"] not in (1, 2):
        result["cleaned"] = was_cleaned(text)      # R8
    return [result]


def verdict(text, *, lines="mobile", region=None, several="reject"):
    """The verdict of a cell (under "explode": of its first number)."""
    return verdicts(text, lines=lines, region=region, several=several)[0]


def numeric_cell_text(value):
    """D13: what a numeric cell of a spreadsheet says, without exponent."""
    if float(value) == int(value):
        return "%d" % int(value)
    return repr(float(value))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(repr(argument), verdict(argument))
