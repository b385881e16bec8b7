"""The rules of the code base that a machine can check."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "otp_engine"
CLIENT = ROOT / "client" / "otp_engine_client"
EXAMPLES = [
    path for path in (ROOT / "examples").rglob("*.py") if "migrations" not in path.parts
]
MODULES = sorted([*PACKAGE.rglob("*.py"), *CLIENT.rglob("*.py"), *EXAMPLES])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LUA = sorted(PACKAGE.rglob("*.lua"))
SCRIPTS = [path for path in LUA if path.parent.name != "lib"]
GLOSSARY = ROOT / "docs" / "glossary.md"
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "client").glob("*.md"),
    *(ROOT / "examples").rglob("*.md"),
]
CONFIGURATION = [
    *(ROOT / "deploy").rglob("*.yml"),
    *(ROOT / "deploy").rglob("*.conf"),
    ROOT / "docker-compose.yml",
    ROOT / "Dockerfile",
    ROOT / "Makefile",
    ROOT / "setup.cfg",
    ROOT / "pyproject.toml",
    ROOT / ".env.example",
]
# The command that deletes the data of a phone, and a field of Twilio's Lookup.
PUBLIC_NAMES = {"forget", "carrier"}
# Texts of the API: they are documentation too.
OPENAPI = sorted((PACKAGE / "web" / "reference").rglob("*.json"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def avoided(heading: str) -> list[str]:
    """Return the words or phrases in the list under a heading of the glossary."""
    section = GLOSSARY.read_text().split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^- `([^`]+)`", section, re.MULTILINE)


WORDS = set(avoided("## Words to avoid"))
PHRASES = avoided("### Phrases to avoid")
# "None is" is about Python's None, "none is" is not.
AVOIDED = re.compile(rf"\b(?:(?i:{'|'.join(sorted(WORDS))})|{'|'.join(PHRASES)})\b")


def texts(path: Path) -> Iterator[str]:
    """Yield the comments, docstrings and, in the package, other strings of a file."""
    source = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if (
            token.type == tokenize.COMMENT
            or token.string.startswith('"""')
            or (
                token.type == tokenize.STRING
                and path in MODULES
                and token.string.strip("\"'") not in PUBLIC_NAMES
            )
        ):
            yield token.string


def defined_names(source: str) -> Iterator[str]:
    """Yield the names that a Python file defines; those of libraries are theirs."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr


def parts(identifier: str) -> set[str]:
    """Return the words of a name in snake case or in camel case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", identifier)
    return set(spaced.lower().split())


def prose(markdown: str) -> str:
    """Return Markdown without its code, which is quoted and not written."""
    without_blocks = re.sub(
        r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE
    )
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", without_blocks)


def functions(module: Path) -> list[ast.FunctionDef]:
    nodes = ast.walk(ast.parse(module.read_text()))
    return [node for node in nodes if isinstance(node, ast.FunctionDef)]


def body_lines(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_glossary_lists_words_and_phrases_to_avoid():
    assert {"tell", "whom", "carrier", "guess"} <= WORDS
    assert PHRASES


@pytest.mark.parametrize(
    ("text", "word"),
    [("Tell the client.", "Tell"), ("goes by a name", "goes by"), ("foretell", None)],
)
def test_avoided_words_are_matched_as_whole_words(text, word):
    match = AVOIDED.search(text)

    assert (match and match[0]) == word


def test_python_texts_avoid_words_of_the_glossary():
    hits = [
        f"{name(path)}: {match[0]}: {text[:60]}"
        for path in [*MODULES, *TESTS]
        # To split a file into tokens takes 30 times as long as this search in it.
        if path != Path(__file__) and AVOIDED.search(path.read_text())
        for text in texts(path)
        for match in AVOIDED.finditer(re.sub(r"`[^`]*`", "", text))
    ]

    assert hits == []


def test_names_avoid_words_of_the_glossary():
    hits = {
        f"{name(path)}: {identifier}"
        for path in [*MODULES, *TESTS]
        for identifier in defined_names(path.read_text())
        if parts(identifier) & (WORDS - PUBLIC_NAMES)
    }

    assert sorted(hits) == []


def test_lua_comments_avoid_words_of_the_glossary():
    hits = [
        f"{name(path)}: {match[0]}"
        for path in LUA
        for comment in re.findall(r"--.*", path.read_text())
        for match in AVOIDED.finditer(comment)
    ]

    assert hits == []


def test_documents_avoid_words_of_the_glossary():
    hits = [
        f"{name(path)}: {match[0]}"
        for path in [*DOCUMENTS, *CONFIGURATION]
        for match in AVOIDED.finditer(prose(path.read_text()))
    ]

    assert hits == []


def test_texts_of_the_api_reference_avoid_words_of_the_glossary():
    fields = r'"(?:summary|description|cause|action)": "((?:[^"\\]|\\.)*)"'
    hits = [
        f"{name(path)}: {match[0]}"
        for path in OPENAPI
        for text in re.findall(fields, path.read_text())
        for match in AVOIDED.finditer(prose(text))
    ]

    assert OPENAPI
    assert hits == []


def test_every_module_has_a_docstring():
    missing = [
        name(path)
        for path in MODULES
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert missing == []


def test_functions_have_at_most_40_lines():
    lengths = {
        f"{name(module)}: {function.name}": body_lines(function)
        for module in MODULES
        for function in functions(module)
    }

    assert median(lengths.values()) <= 5
    assert {key: lines for key, lines in lengths.items() if lines > 40} == {}


def test_every_lua_library_has_a_summary():
    libraries = [path for path in LUA if path not in SCRIPTS]
    missing = [
        name(path)
        for path in libraries
        if not path.read_text().startswith(f"-- {path.stem}: ")
    ]

    assert libraries
    assert missing == []


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_script_header_states_keys_arguments_replies_and_ttl(script):
    header = script.read_text().split("\n\n", 1)[0]

    assert header.startswith(f"-- {script.stem}: ")
    for word in ("-- KEYS[", "-- ARGV", "-- returns ", "-- TTL: "):
        assert word in header


def test_only_entry_points_read_the_environment():
    modules = set(MODULES) - set(EXAMPLES)
    readers = {name(path) for path in modules if "os.environ" in path.read_text()}

    assert readers <= {
        "otp_engine/cli/common.py",
        "otp_engine/cli/serve.py",
        "otp_engine/cli/terminal.py",
        "otp_engine/server.py",
    }


def test_exception_to_a_check_states_its_reason():
    missing = [
        f"{name(path)}: {mark}"
        for path in [*MODULES, *TESTS]
        for mark in re.findall(r"#\s(?:noqa|type: ignore)[^\n]*", path.read_text())
        if not re.search(r"(?:[A-Z0-9]+|\]) (?:-|#) \w", mark)
    ]

    assert missing == []


def test_test_names_are_unique_in_their_file():
    repeated = []
    for path in TESTS:
        names = [function.name for function in functions(path)]
        tests = [test for test in names if test.startswith("test_")]
        repeated += [f"{name(path)}: {test}" for test in tests if tests.count(test) > 1]

    assert repeated == []
