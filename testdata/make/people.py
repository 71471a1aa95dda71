"""The master data: invented people, numbers random within ranges of the plan.

`contacts()` gives the rows of the long contact list, `latin_contacts()` the
rows that fit into ASCII-like encodings, `demo()` the small list of the README.
Everything is drawn with a fixed seed: the same rows at every run.
"""

import random

import phonenumbers

HEADER = ["name", "phone", "city", "note"]

PEOPLE = {
    "UA": (["Олена", "Тарас", "Ірина", "Богдан", "Оксана", "Андрій", "Соломія", "Юрій", "Галина", "Назар"],
           ["Вигадько", "Неіснуюк", "Прикладенко", "Зразковець", "Тестюк", "Уявна", "Небувалий", "Їжакевич"],
           ["Київ", "Львів", "Одеса", "Харків", "Чернігів"]),
    "RU": (["Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Игорь", "Ксения", "Лев"],
           ["Примеркин", "Образцов", "Вымышленная", "Небывалов", "Тестова", "Шаблонов", "Щукина-Пробная", "Ёлкин"],
           ["Москва", "Казань", "Самара", "Тверь", "Псков"]),
    "KZ": (["Айгерім", "Ерлан", "Гүлнар", "Нұрлан", "Дәурен", "Сәуле", "Қайрат", "Әсел"],
           ["Мысалов", "Үлгібаева", "Сынақов", "Ойдан", "Жорамал"],
           ["Алматы", "Астана", "Шымкент", "Қарағанды"]),
    "BR": (["João", "Conceição", "Antônio", "Luísa", "Sebastião", "Márcia", "Flávio", "Inês"],
           ["Exemplo", "da Amostra", "Invenção", "dos Testes", "Ficção"],
           ["São Paulo", "Brasília", "Belém", "Florianópolis", "Goiânia"]),
    "DE": (["Jürgen", "Käthe", "Björn", "Ursula", "Günther", "Heike", "Jörg", "Anneliese"],
           ["Mustermann", "Beispiel", "Probst-Muster", "Erfunden", "Großmuster"],
           ["Köln", "München", "Lübeck", "Düsseldorf", "Jena"]),
}
NOTES = ["", "", "", "", "постійний клієнт", "call after 6 pm", "ВИП", "Rabatt 5 %", "cliente antigo", "тұрақты",
         "просил не звонить утром", "\"gold\" card", "a, b and c", "size 42; blue", "50 % off, \"today\"",
         "O'Hara's friend", "двери налево\nвторой этаж"]

RANGES = {
    "UA": ("380", ["50", "63", "66", "67", "68", "73", "93", "95", "96", "97", "98", "99"], 7),
    "RU": ("7", ["903", "905", "910", "916", "921", "926", "937", "952", "965", "981"], 7),
    "KZ": ("7", ["700", "701", "702", "705", "707", "747", "775", "777", "778"], 7),
    "BR": ("55", ["119", "219", "319", "489", "619", "629", "919"], 8),
    "DE": ("49", ["151", "160", "162", "170", "171", "172", "175", "179"], 8),
}


def draw_number(rng, country):
    code, prefixes, rest = RANGES[country]
    while True:
        prefix = rng.choice(prefixes)
        digits = code + prefix + "".join(rng.choice("0123456789") for _ in range(rest))
        if country == "DE" and prefix != "151":
            digits = digits[:-1]                       # 170 1234567, but 1512 3456789
        parsed = phonenumbers.parse("+" + digits, None)
        if (phonenumbers.is_valid_number(parsed)
                and phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
                and str(parsed.country_code) + phonenumbers.national_significant_number(parsed) == digits):
            return digits


def split_number(country, digits):
    code = RANGES[country][0]
    area = {"UA": 2, "RU": 3, "KZ": 3, "BR": 2, "DE": 3}[country]
    return code, digits[len(code):len(code) + area], digits[len(code) + area:]


HABITS = [
    lambda c, a, s: c + a + s,
    lambda c, a, s: "+" + c + a + s,
    lambda c, a, s: "+%s %s %s" % (c, a, s),
    lambda c, a, s: "+%s (%s) %s-%s" % (c, a, s[:3], s[3:]),
    lambda c, a, s: "+%s(%s)%s-%s-%s" % (c, a, s[:3], s[3:5], s[5:]),
    lambda c, a, s: "%s %s %s %s %s" % (c, a, s[:3], s[3:5], s[5:]),
    lambda c, a, s: "00%s%s%s" % (c, a, s),
    lambda c, a, s: "%s.%s.%s" % (c, a, s),
    lambda c, a, s: "+%s\u00a0%s\u00a0%s" % (c, a, s),
    lambda c, a, s: "%s-%s-%s" % (c, a, s),
    lambda c, a, s: c + a + s + " ",
    lambda c, a, s: "tel:+%s-%s-%s" % (c, a, s),
    lambda c, a, s: c + a + s,
    lambda c, a, s: c + a + s,
]


def person(rng, country):
    first, last, cities = PEOPLE[country]
    return rng.choice(first) + " " + rng.choice(last), rng.choice(cities)


# The rows that make the list interesting: (country of the name, phone).
SPECIAL = [
    ("UA", "380971112233"), ("RU", "79101112233"), ("KZ", "77071112233"),      # the specification's
    ("UA", "380971112255"), ("DE", "4901122211112"),
    ("RU", "(+7) [910] 111-22-33"), ("RU", "7/910/1112233"),                      # twice the same again
    ("UA", "+38 (097) 111-22-33"), ("UA", "моб. +380 97 111-22-55"),
    ("UA", "0971112233"), ("RU", "8 (910) 111-22-33"), ("RU", "8-800-555-35-35"),
    ("RU", "+7 812 309-11-22"), ("DE", "+49 30 12345678"), ("BR", "+55 11 2345-6789"),
    ("DE", "+49 (0)1512 3456789"), ("BR", "+55 011 96123-4567"), ("DE", "+49 1512 3456789"),
    ("UA", "+38o971112244"), ("RU", "нет"), ("UA", "-"), ("BR", "n/a"), ("KZ", ""), ("DE", ""), ("RU", "   "),
    ("UA", "3.80671112299E+11"), ("UA", "3.80671E+11"), ("RU", "7,91E+10"), ("RU", "79161112299.0"),
    ("UA", "380501112277,0"), ("KZ", "77011234567, 77051234567"), ("BR", "5511961234567 / 5521961234567"),
    ("UA", "+380931112266+380631112266"), ("UA", "380971112233 доб. 12"), ("DE", "+4915123456780 x12"),
    ("UA", "38097111223"), ("RU", "7910111223344"), ("KZ", "7701123456"), ("BR", "55119612345"),
    ("UA", "\u200b380661112288"), ("RU", "'79051112288"), ("KZ", "+7 (8701) 123-45-99"),
    ("BR", "999123456789"), ("DE", "12345"), ("RU", "380971112233 Иван"), ("UA", "Viber: 380681112211"),
    ("DE", "0049 170 1234567"), ("DE", "01701234567"), ("BR", "(11) 96123-4567"),
    ("RU", "+1 (201) 555-0123"), ("RU", "+44 7400 123456"), ("KZ", "+7 727 250-11-22"),
]


def contacts():
    """About 120 rows; one of them is empty in every field."""
    rng = random.Random(20261)
    rows = []
    for country, phone in SPECIAL:
        name, city = person(rng, country)
        rows.append([name, phone, city, rng.choice(NOTES)])
    drawn = []
    for _ in range(64):
        country = rng.choice(sorted(RANGES))
        digits = draw_number(rng, country)
        drawn.append((country, digits))
        name, city = person(rng, country)
        rows.append([name, rng.choice(HABITS)(*split_number(country, digits)), city, rng.choice(NOTES)])
    for country, digits in rng.sample(drawn, 6):                # the same people, written otherwise
        name, city = person(rng, country)
        rows.append([name, rng.choice(HABITS[2:7])(*split_number(country, digits)), city, "twice?"])
    first, rest = rows[:3], rows[3:]
    rng.shuffle(rest)
    rows = first + rest
    rows.insert(60, ["", "", "", ""])
    return rows


def latin_contacts():
    """The rows whose names fit into ISO-8859-1, notes and phones too."""
    def fits(row):
        try:
            "".join(row).encode("iso-8859-1")
        except UnicodeEncodeError:
            return False
        return True
    rows = [row for row in contacts() if fits(row) and any(row)]
    rng = random.Random(20262)
    for _ in range(24):
        country = rng.choice(["BR", "DE"])
        name, city = person(rng, country)
        phone = rng.choice(HABITS)(*split_number(country, draw_number(rng, country)))
        rows.append([name, phone, city, rng.choice(["", "cliente antigo", "Rabatt 5 %", "preço à vista", "\"gold\" card"])])
    return rows


def ascii_contacts():
    table = str.maketrans({"ã": "a", "ç": "c", "é": "e", "ê": "e", "í": "i", "ô": "o", "á": "a", "â": "a", "ó": "o", "à": "a",
                           "ü": "u", "ö": "o", "ä": "a", "ß": "s", "\u00a0": " "})
    return [[field.translate(table) for field in row] for row in latin_contacts()]


def demo():
    """contacts.csv: what a small shop exports from Excel."""
    return [
        ["Анна Примеркина", "79101112233", "Москва"],
        ["Борис Образцов", "+7 (916) 123-45-01", "Москва"],
        ["Вера Вымышленная", "8 (926) 123-45-02", "Москва"],
        ["Глеб Небывалов", "7 903 123 45 03", "Тверь"],
        ["Дарья Тестова", "7,91E+10", "Казань"],
        ["Егор Шаблонов", "(+7) [910] 111-22-33", "Москва"],
        ["Жанна Ёлкина", "", "Псков"],
        ["Игорь Примеркин", "+7 812 309-11-22", "Санкт-Петербург"],
        ["Ксения Образцова", "79051234504", "Самара"],
        ["Лев Вымышленный", "007 921 123 45 05", "Псков"],
        ["Олена Вигадько", "380971112233", "Київ"],
        ["Тарас Прикладенко", "+38 (097) 111-22-33", "Київ"],
        ["Ірина Тестюк", "0971112255", "Львів"],
        ["Богдан Зразковець", "моб. 380671234506", "Одеса"],
        ["Оксана Уявна", "+38o501234507", "Харків"],
        ["Андрій Небувалий", "380 93 123 45 08", "Чернігів"],
        ["Юрій Вигадько", "3,80971E+11", "Київ"],
        ["Галина Прикладенко", "380501234509, 380671234510", "Львів"],
        ["Ерлан Мысалов", "77071112233", "Алматы"],
        ["Гульнар Сынакова", "+7 701 123-45-11", "Астана"],
        ["Дина Жорамал", "8 777 123 45 12", "Шымкент"],
        ["Кайрат Ойдан", "77472123513.0", "Алматы"],
        ["Асель Мысалова", "+7 727 250-11-22", "Алматы"],
        ["Max Mustermann", "+49 (0)1512 3456789", "Berlin"],
        ["Erika Beispiel", "4901122211112", "Jena"],
        ["Hans Erfunden", "0049 170 1234514", "Bonn"],
        ["Joao Exemplo", "+55 11 96123-4567", "Sao Paulo"],
        ["Maria Amostra", "(11) 96123-4515", "Sao Paulo"],
        ["John Sample", "+1 201 555 0123", "New Jersey"],
        ["Mary Example", "+44 7400 123456", "London"],
        ["Пётр Пробный", "нет", "Тула"],
        ["Роман Примерный", "7916123451", "Тула"],
        ["Софья Небывалова", "79161234516 ", "Тула"],
        ["Тимур Шаблонов", "79161234516", "Тула"],
        ["Ульяна Тестова", "+7 916 123-45-17 доб. 3", "Москва"],
        ["Фёдор Образцов", "791612345188", "Москва"],
        ["Хельга Ёлкина", "'79161234519", "Москва"],
        ["Цецилия Уявна", "380\u00a066\u00a0123\u00a045\u00a020", "Киев"],
        ["Чеслав Вымышленный", "999123456789", "?"],
        ["Эмма Примеркина", "79161234521", "Москва"],
    ]


def plain_numbers():
    """About 60 lines for the one-column lists; no comma, no semicolon."""
    rng = random.Random(20263)
    lines = ["380971112233", "79101112233", "77071112233", "380971112255", "4901122211112",
             "(+7) [910] 111-22-33", "7/910/1112233", "+38 (097) 111-22-33", "0971112233",
             "+7 812 309-11-22", "3.80971112233E+11", "3.80971E+11", "79161112299.0", "нет", "тел. 380671112200",
             "+380931112266+380631112266", "77011234567 / 77051234567", "+44 (0)7400 123456", "00 49 170 1234567",
             "380971112233 доб. 12", "+38o971112244", "12345", "999123456789", "791011122333", "380\u00a050\u00a01112277"]
    for _ in range(35):
        country = rng.choice(sorted(RANGES))
        lines.append(rng.choice(HABITS)(*split_number(country, draw_number(rng, country))))
    head, tail = lines[:5], lines[5:]
    rng.shuffle(tail)
    return head + tail


TEMPLATE_HEADER = ["recipient", "name", "date", "balance", "currency"]


def template_rows():
    """The specification's three recipients first, then invented ones."""
    return [
        ["380971112233", "Василий", "26.10.17", "123.45", "грн"],
        ["380971112255", "Ольга", "26.10.17", "3222.99", "руб"],
        ["4901122211112", "Markus", "26.10.17", "555.45", "eur"],
        ["+380 67 111 22 44", "Тарас", "26.10.17", "0.00", "грн"],
        ["79101112233", "Вера", "26.10.17", "", "руб"],
        ["77071112233", "Ерлан", "", "15000", "тг"],
        ["4915123456789", "", "26.10.17", "12.00", "eur"],
        ["+55 11 96123-4567", "João", "26.10.17", "99,90", "R$"],
        ["380971112233", "Василий", "27.10.17", "99.00", "грн"],
        ["", "Ніна", "26.10.17", "10.00", "грн"],
        ["нет", "Глеб", "26.10.17", "11.00", "руб"],
        ["(+7) [916] 111-22-44", "Лев", "26.10.17", "{name}", "руб"],
        ["3.80501112255E+11", "Оксана", "26.10.17", "47.10", "грн"],
        ["3.8050E+11", "Назар", "26.10.17", "48.10", "грн"],
        ["+1 201 555 0123", "John", "26.10.17", "5.00", "$"],
        ["447400123456", "Mary", "26.10.17", "7.00", "£"],
        ["+44 20 7183 8750", "Office", "26.10.17", "8.00", "£"],
        ["79161112255", "Ян \"Янчик\"", "26.10.17", "3 000,50", "руб"],
        ["79161112266", "  ", "26.10.17", "1", "руб"],
        ["0971112299", "Ганна", "26.10.17", "2", "грн"],
        ["77011234567", "Айгерім", "26.10.17", "", ""],
    ]


STOP_LIST = ["380971112255", "+7 (910) 111-22-33", "(+55) 11 96123-4567", "00 49 1512 3456789"]
SYSTEM_STOP_LIST = ["77071112233", "+1 201 555-0123"]
