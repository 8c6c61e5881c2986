"""What may be asked about a sheet, what is true, and how an expert finds it: look, mend what the data lack, compute,
draw, and say it in words.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from codeact.tasks.analysis.sheet import Sheet
from codeact.tasks.oracle import Cell

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its answer and the way to it."""

    text: str
    numbers: Sequence[float] = ()  # that the answer has to tell
    name: str = ""  # and the name that it has to give
    names: Sequence[str] = ()  # of all that could be it
    cells: Sequence[Cell]
    answer: str  # in words


def fit(rng: Random, sheet: Sheet) -> Question:
    """A straight line through two columns, by scikit-learn, and its picture."""
    x, y = sheet.subject.cause[0], sheet.subject.effect
    slope, intercept = statistics.linear_regression(*zip(*sheet.pairs, strict=True))
    errors = [value - slope * cause - intercept for cause, value in sheet.pairs]
    rmse = statistics.fmean(error * error for error in errors) ** 0.5
    fitting = f"""\
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error

model = LinearRegression().fit(df[["{x}"]], df["{y}"])
predicted = model.predict(df[["{x}"]])
rmse = np.sqrt(mean_squared_error(df["{y}"], predicted))
print(model.coef_[0], rmse)"""
    drawing = f"""\
import matplotlib.pyplot as plt

order = df["{x}"].argsort()
plt.scatter(df["{x}"], df["{y}"], s=12)
plt.plot(df["{x}"].iloc[order], predicted[order], color="red")
plt.xlabel("{x}")
plt.ylabel("{y}")
plt.savefig("fit.png")
print("slope:", round(model.coef_[0], 3), "RMSE:", round(rmse, 3))"""
    return Question(
        text=f"Fit a scikit-learn LinearRegression that predicts {y} from {x}. Save a scatter plot with the line as "
        "fit.png. Report the slope and the RMSE.",
        numbers=[slope, rmse],
        cells=[
            *_begun(rng, sheet, Cell(fitting, f"Now the line of {y} over {x}, and how far values are from it.")),
            Cell(drawing, "The figures are there. Now the picture, with points and line."),
        ],
        answer=f"The line of {y} over {x} has a slope of {_told(slope)}, and its RMSE is {_told(rmse)}. The plot is in "
        "fit.png.",
    )


def groups(rng: Random, sheet: Sheet) -> Question:
    """Means by group, as a bar chart."""
    group, y = sheet.subject.group, sheet.subject.effect
    means = {name: statistics.fmean(values) for name, values in sheet.by_group().items()}
    most = rng.random() < 0.5
    best = (max if most else min)(means, key=lambda name: means[name])
    computing = f'means = df.groupby("{group}")["{y}"].mean().sort_values(ascending={not most})\nprint(means)'
    drawing = f"""\
import matplotlib.pyplot as plt

means.plot.bar()
plt.ylabel("mean {y}")
plt.tight_layout()
plt.savefig("bars.png")
print(means.index[0], round(means.iloc[0], 3))"""
    word = "highest" if most else "lowest"
    return Question(
        text=f"Which {group} has the {word} mean {y}, and what is it? Save a bar chart of all of them as bars.png.",
        numbers=[means[best]],
        name=best,
        names=list(means),
        cells=[
            *_begun(rng, sheet, Cell(computing, f"Now the means of {y} by {group}, the {word} first.")),
            Cell(drawing, "That is the order. Now the chart."),
        ],
        answer=f"The {group} with the {word} mean {y} is {best}, with {_told(means[best])}. bars.png shows "
        "all of them.",
    )


def correlation(rng: Random, sheet: Sheet) -> Question:
    """Pearson's r of two columns."""
    x, y = sheet.subject.cause[0], sheet.subject.effect
    r = statistics.correlation(*zip(*sheet.pairs, strict=True))
    computing = f'r = df["{x}"].corr(df["{y}"])\nprint(round(r, 4))'
    return Question(
        text=f"How strongly are {x} and {y} correlated (Pearson's r, two decimals)?",
        numbers=[r],
        cells=_begun(rng, sheet, Cell(computing, f"corr gives Pearson's r of {x} and {y}.")),
        answer=f"Pearson's r of {x} and {y} is {r:.2f}.",
    )


def months(rng: Random, sheet: Sheet) -> Question:
    """Sums by month, as a line."""
    y, sums = sheet.subject.effect, sheet.by_month()
    best = max(sums, key=lambda month: sums[month])
    computing = f"""\
df["date"] = pd.to_datetime(df["date"])
sums = df.groupby(df["date"].dt.month)["{y}"].sum()
print(sums)"""
    drawing = f"""\
import matplotlib.pyplot as plt

sums.plot(marker="o")
plt.xlabel("month")
plt.ylabel("{y}")
plt.savefig("months.png")
best = sums.idxmax()
print(pd.Timestamp(2000, best, 1).month_name(), round(sums[best], 3))"""
    return Question(
        text=f"In which month is the sum of {y} the highest, and how high is it? Draw the sums by month as a line, and "
        "save it as months.png.",
        numbers=[sums[best]],
        name=MONTHS[best - 1],
        names=MONTHS,
        cells=[
            *_begun(rng, sheet, Cell(computing, "The dates are texts; I make dates of them and add up by month.")),
            Cell(drawing, "Now the line, and the month with the highest sum."),
        ],
        answer=f"The sum of {y} is highest in {MONTHS[best - 1]}, with {_told(sums[best])}. The plot is in months.png.",
    )


def middle(rng: Random, sheet: Sheet) -> Question:
    """Missing values, mean, median and a histogram."""
    y = sheet.subject.effect
    known = [value for _, value in sheet.pairs]
    counting = Cell(
        f'missing = int(df["{y}"].isna().sum())\nprint(missing)',
        f"First I count the rows without {y}, before any is left out.",
    )
    computing = f"""\
import matplotlib.pyplot as plt

plt.hist(df["{y}"].dropna(), bins=15)
plt.xlabel("{y}")
plt.savefig("hist.png")
mean, median = df["{y}"].mean(), df["{y}"].median()
print(missing, round(mean, 3), round(median, 3))"""
    return Question(
        text=f"How many rows have no {y}, and what are mean and median of the others? Save a histogram as hist.png.",
        numbers=[sheet.missing, statistics.fmean(known), statistics.median(known)],
        cells=[
            _look(rng, sheet),
            *([_numbers(sheet)] if sheet.units else []),
            counting,
            Cell(
                computing, "pandas leaves missing values out of mean and median by itself. The histogram needs it said."
            ),
        ],
        answer=f"{sheet.missing} rows have no {y}. The mean of the others is {_told(statistics.fmean(known))}, the "
        f"median {_told(statistics.median(known))}. The histogram is in hist.png.",
    )


KINDS: Mapping[str, Callable[[Random, Sheet], Question]] = {
    "fit": fit,
    "groups": groups,
    "correlation": correlation,
    "months": months,
    "middle": middle,
}


def _look(rng: Random, sheet: Sheet) -> Cell:
    code = f'import pandas as pd\n\ndf = pd.read_csv("{sheet.subject.file}")\n'
    shown = (
        "print(df.head())\nprint(df.dtypes)",
        "df.info()\nprint(df.head())",
        "print(df.describe(include='all'))\nprint(df.head(3))",
    )
    thoughts = (
        "First I load the file and look at it.",
        "I begin with a look at the data.",
        "Let me see what the columns are.",
    )
    return Cell(code + rng.choice(shown), rng.choice(thoughts))


def _begun(rng: Random, sheet: Sheet, computing: Cell) -> list[Cell]:
    """A look; then the computing, which fails first where a value cannot be computed with and nobody has seen it."""
    y = sheet.subject.effect
    cells = [_look(rng, sheet)]
    if sheet.units:
        if rng.random() < 0.5:
            cells += [
                computing,
                Cell(_numbers(sheet).code, f"Values of {y} are texts with a unit. I make numbers of them."),
            ]
        else:
            cells.append(_numbers(sheet))
    if sheet.missing:
        dropping = f'df = df.dropna(subset=["{y}"]).reset_index(drop=True)\nprint(len(df), "rows are left")'
        if "sklearn" in computing.code and rng.random() < 0.5:
            cells += [
                computing,
                Cell(dropping, f"{y} has missing values, which LinearRegression cannot take. I leave them out."),
            ]
        else:
            cells.append(Cell(dropping, f"Some rows have no {y}; I leave them out."))
    return [*cells, computing]


def _numbers(sheet: Sheet) -> Cell:
    y, unit = sheet.subject.effect, sheet.subject.unit
    code = f'df["{y}"] = df["{y}"].str.replace(" {unit}", "", regex=False).astype(float)\nprint(df["{y}"].describe())'
    return Cell(code, f'{y} is text: the unit "{unit}" stands behind each value. I take it off.')


def _told(number: float) -> str:
    return f"{round(number, 3):g}" if abs(number) < 1000 else f"{number:.1f}"
