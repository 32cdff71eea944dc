"""Write the newest measurements into docs/performance.md.

    python3 bench/page.py [--machine FOLDER]

Takes the latest row of every job, and of every micro-benchmark, from
`bench/record/<machine>/` (by default this machine, or else the one measured last) and
replaces what stands between the marks of the page. Only the standard library is used.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"


def latest(folder: Path, suffix: str, key) -> list[dict]:
    """The last row of every key in all files of a folder, in the order of first appearance."""
    rows: dict = {}
    for file in sorted(folder.glob("*.csv")):
        if file.stem.endswith("-micro") == (suffix == "-micro"):
            with file.open(newline="") as handle:
                for row in csv.DictReader(handle):
                    rows[key(row)] = row
    return list(rows.values())


def number(text: str) -> str:
    """A number with three digits, or a dash."""
    if not text:
        return "–"
    value = float(text)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def jobs_table(folder: Path) -> str:
    """Jobs beside their peers."""
    lines = ["| job | ours | peer | ratio | unit | measured |", "|---|--:|--:|--:|---|---|"]
    # How the planner decided stands in brackets; another decision does not make another job.
    for row in latest(folder, "", lambda row: (row["job"].split(" (")[0], row["size"], row["gain control"])):
        name = row["job"]
        if row["job"] == "retina":
            name = f"retina with spikes {row['size']}², gain control {float(row['gain control']):.0f} Hz"
        ratio = f"{number(row['ratio'])}×" if row["ratio"] else "–"
        lines.append(f"| {name} | {number(row['ours'])} | {number(row['peer'])} | {ratio} | {row['unit']} "
                     f"| {row['date']}, {row['commit']} |")
    return "\n".join(lines)


def operations_table(folder: Path) -> str:
    """Operations: millions of pixel-steps per second on one thread and on all, and the way back."""
    rows = latest(folder, "-micro", lambda row: (row["name"], row["variant"], row["unit"]))
    value = {(row["name"], row["variant"], row["unit"]): float(row["value"]) for row in rows}
    names = list(dict.fromkeys(row["name"] for row in rows if row["unit"] == "Mpixel/s"))
    threads = sorted({int(row["variant"].split()[1]) for row in rows
                      if row["variant"].startswith("forward ")})
    most = threads[-1] if threads else 1
    copy = value.get(("copy", "1 threads", "GB/s"))
    fused = value.get(("multiply-add", "1 threads", "GFLOP/s"))
    lines = [f"One core copies {copy:.0f} GB/s within the last cache and does {fused:.0f} GFLOP/s of fused "
             "multiply-adds in single precision." if copy and fused else "", "",
             f"| operation | forward, 1 core | {most} cores | adjoint, 1 core | {most} cores | ns forward |",
             "|---|--:|--:|--:|--:|--:|"]
    for name in names:
        cells = [value.get((name, f"{way} {n} threads", "Mpixel/s"))
                 for way in ("forward", "adjoint") for n in (1, most)]
        nanoseconds = f"{1e3 / cells[0]:.2f}" if cells[0] else "–"
        text = " | ".join(f"{cell:.0f}" if cell else "–" for cell in cells)
        lines.append(f"| {name} | {text} | {nanoseconds} |")
    return "\n".join(lines)


def replaced(text: str, mark: str, table: str) -> str:
    """The page with a new table between the marks."""
    begin, end = f"<!-- {mark}: written by bench/page.py -->", f"<!-- end of {mark} -->"
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"


def main() -> int:
    """Command line: see the text at the top of the file."""
    from run import machine_slug

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", help="folder below bench/record")
    options = parser.parse_args()
    record = HERE / "record"
    folder = record / (options.machine or machine_slug())
    if not folder.is_dir():
        newest = max(record.glob("*/*.csv"), key=lambda file: file.stem, default=None)
        if options.machine or newest is None:
            print(f"page: no measurements in {folder}", file=sys.stderr)
            return 1
        folder = newest.parent
    text = PAGE.read_text()
    for mark, table in (("jobs", jobs_table(folder)), ("operations", operations_table(folder))):
        text = replaced(text, mark, table)
    PAGE.write_text(text)
    print(f"{PAGE.relative_to(HERE.parent)}: measurements of {folder.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
