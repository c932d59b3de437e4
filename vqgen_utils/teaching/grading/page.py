"""A page of feedback on one submission, which opens in any browser."""

from html import escape

MARKS = {"right": "✓", "by hand": "?", "unreadable": "?"}
HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem }}
h2 {{ font-size: 1.1rem; margin-bottom: 0 }}
p {{ margin-top: 0.2rem; white-space: pre-wrap }}
</style>
<h1>{title}</h1>
"""
END = """<p>Each answer was tried on the notebook's example, and functions on other values as well.
What is not there yet can be mended in the notebook, and its check asked again.</p>
</html>
"""


def page(rows: list[dict]) -> str:
    """HTML for the rows of one submission, as `grade_folder` makes them."""
    first = rows[0]
    lines = [HEAD.format(title=escape(f"{first['learner']}: {first['submission']}"))]
    if first["verdict"] == "unreadable":
        lines.append(f"<p>This could not be graded: {escape(first['feedback'])}</p>\n</html>\n")
        return "".join(lines)
    right = sum(row["verdict"] == "right" for row in rows)
    lines.append(f"<p>{escape(first['notebook'])}: {right} of {len(rows)} exercises right.</p>\n")
    for row in rows:
        mark = MARKS.get(row["verdict"], "✗")
        heading = f"{mark} Exercise {row['exercise']} · {row['title']}"
        said = f"{row['verdict'].capitalize()}: {row['feedback']}"
        lines.append(f"<h2>{escape(heading)}</h2>\n<p>{escape(said)}</p>\n")
    return "".join([*lines, END])
