"""Tables of text are read as Python's csv module and pandas read them, over thousands of made files.

csv judges records and fields, pandas what is missing, which columns are numbers, and which. Each judge gets the file in
a form that it can take: see File.text().
"""

import csv
import dataclasses
import io
import json
import pathlib
import random
import re
import subprocess

import numpy as np
import pandas
import pytest

import program

READER = program.default_path().with_name("mlp_read_table")
FILES = 10_000
SEED = 20

NUMBERS = ["0", "1", "-1", "+1", "007", "3.14", "-0.5", ".5", "-.5", "5.", "+5.", "1e3", "1E3", "2.5e-3", "1e+05", "-0", "0.0"]
NUMBERS += ["9007199254740993", "9223372036854775807", "2.3e-308", "1e-400", "0.1", "123456789.123456789"]
NUMBERS += ["3.4028235e38", "1.00000000000000000001", "100000000000000000000.5", "0.30000000000000004", "8.41470984807896506652"]
ODD_WORDS = ["1e", "1.2.3", "--1", "1 2", "1_000", "0x10", "1,000", "12px", "$5", "5%", "e5", ".", "-", "+", "1e5.0", "\u0663", "nano"]
WORDS = ["red", "blue", "Straße", "東京", "😀 ok", "e\u0301", "\u00a0", "\ufeffx", "a b", "na", "Null", "N.A.", "none", "-", "??"]
QUOTES_INSIDE = ['5" wide', 'a"b', 'say ""hi""', "it's", 'ends"']
NEED_QUOTES = ['"', '""', 'a "quoted" word', '"start', "line\nend", "line\r\nend", "line\rend", "\n", "a\n\nb", "a,b", "a;b", "a\tb", "a|b", ""]
# Not blanks alone: between quotes, they are text to pandas, and here a gap in a column of numbers.
BLANK_EDGES = [" a", "a ", " 5 ", "\ta"]
GAPS = ["", "NA", "N/A", "NaN", "nan", "-nan", "-NaN", "null", "NULL", "None", "?", "n/a", "<NA>", "#N/A", "#NA", "#N/A N/A", "1.#IND"]
GAPS += ["-1.#IND", "1.#QNAN", "-1.#QNAN"]

# Where pandas alone departs from the rules of RFC 4180 and of docs/data.md, it is given a stand-in of the same kind:
STAND_INS = {
    # It takes columns of these for booleans; to a table of text they are words.
    **{word: f"the word {word}" for word in ("True", "False", "true", "FALSE", "TRUE", "false")},
    # Its parser of numbers knows not a number in any case of letters; here these are words, unless listed as missing.
    **{word: f"the word {word}" for word in ("NAN", "Nan", "-NAN", "+nan")},
    # Integers beyond 64 bits are text to it; here they are numbers as others are.
    **{number: number + ".0" for number in ("18446744073709551616", "-9223372036854775809", "123456789012345678901234567890")},
}
# Numbers to pandas, refused here: infinite, or beyond the largest float64.
INFINITE = ["inf", "-inf", "+inf", "Infinity", "-INFINITY", "1e309", "-2e400"]


@dataclasses.dataclass
class Field:
    value: str
    quoted: bool = False
    before: str = ""  # blanks around it
    after: str = ""
    raw: str | None = None  # what stands in the file instead, if that is broken


@dataclasses.dataclass
class File:
    """The parts of a file, and where it was broken, if it was."""

    rows: list[list[Field]]
    ends: list[str]  # one per row; the last may be empty
    named: bool
    delimiter: str
    is_told_delimiter: bool
    target: str
    blank_lines: dict[int, str] = dataclasses.field(default_factory=dict)  # before a row
    bom: bool = False
    plain: bool = False
    broken: str = ""
    place: tuple[int, int] | None = None  # row and column of a broken field
    bad_bytes: bytes = b""  # in the place of BAD

    def text(self, judge: str = "") -> str:
        """For csv and pandas, leaves out what they do not allow for, and what RFC 4180 leaves to us: blanks behind a
        field, tabs before it, and blanks alone in a line. For pandas, puts in the stand-ins."""

        def field_text(field: Field) -> str:
            value = STAND_INS.get(field.value, field.value) if judge == "pandas" else field.value
            text = '"' + value.replace('"', '""') + '"' if field.quoted else value
            if field.raw is not None:
                text = field.raw
            if judge:
                return field.before.replace("\t", "") + text
            return field.before + text + field.after

        lines = []
        for i, (row, end) in enumerate(zip(self.rows, self.ends, strict=True)):
            blank = self.blank_lines.get(i, "")
            if judge:
                blank = blank.replace(" ", "").replace("\t", "")
            if judge == "pandas" and blank == "\r":
                blank = ""  # pandas loses an empty field that begins the next line
            lines.append(blank)
            lines += [self.delimiter.join(map(field_text, row)), end]
        return ("\ufeff" if self.bom else "") + "".join(lines)

    def contents(self) -> bytes:
        return self.text().encode().replace(BAD.encode(), self.bad_bytes)


BAD = "\ue000"  # stands for bytes that are no text


class Generator:
    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def number(self) -> str:
        kind = self.random.randrange(4)
        if kind == 0:
            return self.random.choice(NUMBERS)
        if kind == 1:
            return str(self.random.randint(-100, 100))
        if kind == 2:
            return repr(self.random.uniform(-1, 1) * 10.0 ** self.random.randint(-30, 30))
        return f"{self.random.gauss(0, 100):.{self.random.randrange(9)}f}"

    def word(self) -> str:
        return self.random.choice(self.random.choice([WORDS, WORDS, ODD_WORDS, QUOTES_INSIDE, NEED_QUOTES, BLANK_EDGES]))

    def values(self, rows: int) -> list[str]:
        """A column of a kind of its own; some kinds end up as numbers, others as text."""
        kind = self.random.choice(["numbers", "numbers", "words", "mixed", "odd", "gaps", "special"])
        gaps = self.random.choice([0, 0, 0.2, 0.6])
        odd = self.random.randrange(rows)
        special = list(STAND_INS)
        result = []
        for row in range(rows):
            if kind == "gaps" or (gaps and self.chance(gaps)):
                result.append(self.random.choice(GAPS))
            elif kind == "words" or (kind == "mixed" and self.chance(0.3)):
                result.append(self.word())
            elif kind == "odd" and row == odd:
                result.append(self.random.choice(ODD_WORDS))
            elif kind == "special" and self.chance(0.8):
                result.append(self.random.choice(special))
            else:
                result.append(self.number())
        return result

    def field(self, value: str, file: File, likes_quotes: float, likes_blanks: float) -> Field:
        others = "" if file.is_told_delimiter else ",;\t|"
        must = (
            value == ""
            and self.chance(0.3)
            or value.startswith('"')
            or value != value.strip(" \t")
            or any(c in value for c in "\n\r" + file.delimiter + others)
        )
        field = Field(value, must or self.chance(likes_quotes))
        if likes_blanks:
            blanks = [" ", "  ", "   "] + (["\t", " \t"] if file.delimiter != "\t" and file.is_told_delimiter else [])
            if self.chance(likes_blanks):
                field.before = self.random.choice(blanks)
            if self.chance(likes_blanks):
                field.after = self.random.choice(blanks)
        return field

    def file(self, rows: int | None = None) -> File:
        pick = self.random.choice
        rows = rows or self.random.choice([1, 2, 3, 5, 8, 13])
        columns = self.random.randint(2, 6)
        named = self.chance(0.8)
        file = File([], [], named, pick(",,,;\t|"), not named or self.chance(0.5), "", bom=self.chance(0.1), plain=self.chance(0.3))
        table = [self.values(rows) for _ in range(columns - 1)]
        # A target that misses values is another matter.
        table.append([pick(["yes", "no", "1", "2.5"]) for _ in range(rows)])
        order = list(range(columns))
        self.random.shuffle(order)
        table = [table[i] for i in order]
        target = order.index(columns - 1)
        likes_quotes, likes_blanks = pick([0, 0, 0.3, 1]), pick([0, 0, 0.3])
        if named:
            names = [f"c{i}{self.word()}" for i in range(columns)]
            if not file.is_told_delimiter:
                # The first record tells the delimiter: it has no other one in it.
                names = [re.sub("[,;\t|]", "", name) for name in names]
            if self.chance(0.1):
                names[(target + 1) % columns] = ""
            names[target] = "target"
            file.rows.append([self.field(name, file, likes_quotes, likes_blanks) for name in names])
            file.target = "target"
        else:
            file.target = str(target + 1)
        for i in range(rows):
            file.rows.append([self.field(column[i], file, likes_quotes, likes_blanks) for column in table])
        end = pick(["\n", "\n", "\r\n", "\r", "mixed"])
        file.ends = [pick(["\n", "\r\n", "\r"]) if end == "mixed" else end for _ in file.rows]
        if self.chance(0.3):
            file.ends[-1] = ""
        if self.chance(0.2):
            for _ in range(self.random.randint(1, 3)):
                at = self.random.randrange(len(file.rows))
                file.blank_lines[at] = pick(["", "", " "]) + (file.ends[0] or "\n")
        return file

    def break_it(self, file: File) -> None:
        """Puts one thing wrong, or at least odd: the judges say whether it is."""
        pick = self.random.choice
        row = self.random.randrange(len(file.rows))
        column = self.random.randrange(len(file.rows[row]))
        if file.rows[row][column].value == "target" and row == 0:
            return
        field = file.rows[row][column]
        file.place = (row, column)
        file.broken = pick(["short", "long", "open", "behind", "bytes", "zero", "infinite", "name"])
        if not file.named and row == 0 and file.broken in ("short", "long"):
            file.broken = ""  # the first row says how many columns there are
        if row == 0 and file.broken in ("short", "open"):
            file.broken = ""  # it may take the target along, which another message tells
        if row == 0:
            file.blank_lines.pop(0, None)  # messages call a header line 1, wherever it stands
        if file.broken == "short":
            del file.rows[row][column]
            file.is_told_delimiter = True
        elif file.broken == "long":
            file.rows[row].insert(column, Field(pick(["7", "x", ""])))
            file.is_told_delimiter = True
        elif file.broken == "open":
            file.is_told_delimiter = True
            # It takes what follows along, so the judges need to see that as it is.
            file.blank_lines = {}
            for other in (other for row in file.rows for other in row):
                other.before = other.after = ""
            field.raw = '"' + self.random.choice(["left open", "12", ""])
        elif file.broken == "behind":
            file.is_told_delimiter = True
            field.value = pick(["closed", "12"])
            field.raw = f'"{field.value}"{pick(["x", "5", "  x", "x" + chr(34)])}'
        elif file.broken == "bytes":
            field.value = "wrong" + BAD + "bytes"
            file.bad_bytes = pick([b"\xff", b"\xc3\x28", b"\xe9", b"\xed\xa0\x80", b"\xf8", b"\xc0\xaf"])
        elif file.broken == "zero":
            field.value = "zero" + chr(0) + "byte"
        elif file.broken == "infinite":
            # In the last row, where it is clear whether the column is text: a word like others, then.
            file.place = (len(file.rows) - 1, column)
            file.rows[-1][column].value = pick(INFINITE)
            file.plain = False
        elif file.broken == "name" and file.named and row == 0 and len(file.rows[0]) > 2 and field.value:
            # Of the columns beside the target, which may be a single one.
            other = (column + 1) % len(file.rows[0])
            if file.rows[0][other].value == "target":
                other = (column - 1) % len(file.rows[0])
            file.rows[0][other] = dataclasses.replace(field)
        else:
            file.broken = ""


@dataclasses.dataclass
class Refusal:
    line: int = 0  # in which the record begins; 0: not of a line
    of_field: bool = False  # the place of the file's File.place


def records_of(file: File) -> list[list[str]] | Refusal:
    """By csv. Besides, all records need as many fields as the first, and blank lines are none."""
    if file.bad_bytes:
        return Refusal(line_of(file), True)
    text = file.text("csv").removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=file.delimiter, strict=True, skipinitialspace=True)
    records: list[list[str]] = []
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return records
        except csv.Error:
            return Refusal(line)
        if record == []:
            continue
        if records and len(record) != len(records[0]):
            return Refusal(line)
        records.append(record)


def line_of(file: File) -> int:
    """The line in which the row of the broken field begins."""
    before = File(**{**vars(file), "rows": file.rows[: file.place[0]], "ends": file.ends[: file.place[0]]}).text()
    before += file.blank_lines.get(file.place[0], "")
    return len(re.findall(r"\r\n|\r|\n", before)) + 1


@dataclasses.dataclass
class Table:
    names: list[str]
    columns: list[list]  # floats or texts; None where one is missing
    floats: bool = False  # whether the features may be read as rows of float32


def judge(file: File) -> Table | Refusal:
    records = records_of(file)
    if isinstance(records, Refusal):
        return records
    if len(records) == int(file.named):
        return Refusal()  # a header alone
    # csv and pandas let zero bytes, and names that stand there twice, pass. Files of text have none.
    if file.broken == "zero":
        return Refusal(line_of(file), True)
    if file.named and len(set(records[0])) < len(records[0]):
        return Refusal(line_of(file))
    frame = pandas.read_csv(
        io.StringIO(file.text("pandas"), newline=""),
        sep=file.delimiter,
        header=0 if file.named else None,
        index_col=False,
        skipinitialspace=True,
        skip_blank_lines=True,
        keep_default_na=True,
        na_values=["?"],
        float_precision="round_trip",  # its faster ways are not correct to the last bit
        low_memory=False,
    )
    names = [str(name) for name in frame.columns] if file.named else [str(i + 1) for i in range(frame.shape[1])]
    rows = records[file.named :]
    assert frame.shape == (len(rows), len(rows[0]))
    columns: list[list] = []
    for i in range(frame.shape[1]):
        series = frame.iloc[:, i]
        missing = series.isna()
        if pandas.api.types.is_numeric_dtype(series):
            numbers = series.astype(float)
            if np.isinf(numbers).any():
                return Refusal(line_of(file), True)
            columns.append([None if gap else number for number, gap in zip(numbers, missing, strict=True)])
        else:
            columns.append([None if gap else row[i] for row, gap in zip(rows, missing, strict=True)])
    features = [column for name, column in zip(names, columns, strict=True) if name != file.target]
    floats = file.plain and all(is_number(column) and None not in column for column in features)
    return Table(names, columns, floats)


def is_number(column: list) -> bool:
    return all(value is None or isinstance(value, float) for value in column)


def compare(file: File, expected: Table, answer: dict) -> None:
    assert "error" not in answer, answer
    found = {column["name"]: column for column in answer["columns"] + answer["targets"]}
    assert sorted(found) == sorted(expected.names)
    for name, column in zip(expected.names, expected.columns, strict=True):
        if not is_number(column):
            assert found[name].get("texts") == column, name
            continue
        numbers = found[name].get("numbers")
        assert numbers is not None, (name, found[name])
        if expected.floats and name != file.target:
            column = [float(np.float32(value)) for value in column]
        assert numbers == column, name


def compare_refusal(file: File, path: pathlib.Path, expected: Refusal, answer: dict) -> None:
    assert "error" in answer, answer
    message = answer["error"]
    assert path.name in message and len(message.encode()) <= 1024, message
    if expected.line:
        assert re.search(rf"\bline {expected.line}\b", message), (expected.line, message)
    if expected.of_field:
        row, column = file.place
        assert re.search(rf"\bcolumn {column + 1}\b", message), (column + 1, message)
        shown = file.rows[row][column].value
        for part in re.split(f"[{BAD}\0]", shown):
            assert part in message or "zero byte" in message, (shown, message)


def ask(folder: pathlib.Path, files: list[File], **options) -> list[dict]:
    """What our reader answers, by one process for all files."""
    if not READER.is_file():
        pytest.fail(f"There is no program at {READER}. Build it by 'make oracle'.")
    requests = []
    for i, file in enumerate(files):
        path = folder / f"{i}.csv"
        path.write_bytes(file.contents())
        request = {"path": str(path), "target": [file.target], "plain": file.plain, **options}
        request["header"] = "auto" if file.named else "false"
        if file.is_told_delimiter:
            request["delimiter"] = file.delimiter
        requests.append(json.dumps(request))
    done = subprocess.run([READER], input="\n".join(requests), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(folder: pathlib.Path, files: list[File], **options) -> dict[str, int]:
    """Returns how many files were refused, by how they were broken, and under "" how many were read."""
    answers = ask(folder, files, **options)
    counts: dict[str, int] = {}
    problems = []
    for i, (file, answer) in enumerate(zip(files, answers, strict=True)):
        path = folder / f"{i}.csv"
        expected = judge(file)
        is_refused = isinstance(expected, Refusal)
        counts[file.broken if is_refused else ""] = counts.get(file.broken if is_refused else "", 0) + 1
        try:
            if is_refused:
                compare_refusal(file, path, expected, answer)
            else:
                compare(file, expected, answer)
        except AssertionError as error:
            problems.append(f"{path}: broken: {file.broken!r}, {expected}\n{file.contents()[:400]!r}\n{error}")
    assert not problems, f"{len(problems)} of {len(files)} files\n\n" + "\n\n".join(problems[:20])
    return counts


def test_files_are_read_as_csv_and_pandas_read_them_or_refused(tmp_path):
    generator = Generator(SEED)
    files = [generator.file() for _ in range(FILES)]
    for file in files[::4]:
        generator.break_it(file)
    counts = check(tmp_path, files)
    # The generator does not make only one kind.
    assert counts[""] > 0.7 * FILES
    assert all(counts.get(kind, 0) >= 20 for kind in ("short", "long", "open", "behind", "bytes", "zero", "infinite", "name")), counts


def test_files_of_many_blocks_are_read_alike_on_any_number_of_threads(tmp_path):
    generator = Generator(SEED + 1)
    files = [generator.file(1_000) for _ in range(4)]
    for file in files:
        times = (3 << 20) // len(file.contents())
        file.rows += file.rows[1:] * times
        # In the middle, a line has an end.
        file.ends = [file.ends[0]] + [end or "\n" for end in file.ends[1:]] * (times + 1)
    check(tmp_path, files, threads=2)
    assert ask(tmp_path, files, threads=1) == ask(tmp_path, files, threads=2)
