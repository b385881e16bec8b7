"""Links from docs/ to other files of the repository, on the documentation site.

A relative link such as `../deploy/proxy/nginx.conf` works in a clone, and the site has
no such file. With `repo_url`, the link leads to the published repository. Without it,
the site includes each linked file as a page below `source/`.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

SOURCE = "source"
BRANCH = "main"
# Markdown links, and the images that pages have as HTML.
LINK = re.compile(r"(\]\(|<img src=\")([^)\s\"]+)([)\"])")
FENCED = re.compile(r"^ *```.*?^ *```+ *$", re.MULTILINE | re.DOTALL)
LANGUAGES = {
    ".conf": "nginx",
    ".js": "javascript",
    ".json": "json",
    ".lua": "lua",
    ".py": "python",
    ".sh": "sh",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
}
# The search of the site finds pages of the documentation only.
UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"
GENERATED = {"node_modules", "__pycache__"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file outside of docs/ that a page links to."""
    if config.repo_url:
        return files
    root = _root(config)
    unread = {
        f"docs/{file.src_uri}": file.content_string
        for file in files.documentation_pages()
    }
    included: set[str] = set()
    while unread:
        origin, text = unread.popitem()
        for target in _outside_targets(root, origin, text) - included:
            included.add(target)
            uri, content = _source_page(root, target)
            files.append(File.generated(config, uri, content=content))
            unread[_origin(uri)] = content
    return files


def on_page_markdown(
    markdown: str, *, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Return the text of a page with the links that the site has."""
    del files
    root = _root(config)
    here = page.file.src_uri

    def site_link(target: str) -> str:
        file, anchor = _repository_path(_origin(here), target)
        if file is None:
            return target
        if f"{file}/".startswith("docs/"):
            there = file.removeprefix("docs/")
            if (root / file).is_dir():
                there = f"{there}/README.md"
        elif config.repo_url:
            kind = "tree" if (root / file).is_dir() else "blob"
            return f"{config.repo_url.rstrip('/')}/{kind}/{BRANCH}/{file}{anchor}"
        else:
            there = _source_uri(root, file)
        return posixpath.relpath(there, posixpath.dirname(here) or ".") + anchor

    return _replace_links(markdown, site_link)


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Return a page with a name for its search dialog, which the theme omits."""
    del page, config
    return _name_search(output)


def on_post_template(
    output_content: str, *, template_name: str, config: MkDocsConfig
) -> str:
    """Return a page without a source, such as 404.html, with the same name."""
    del template_name, config
    return _name_search(output_content)


def _name_search(output: str) -> str:
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"', 1)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent


def _origin(uri: str) -> str:
    """Return the path in the repository that the links of a page are relative to."""
    prefix = f"{SOURCE}/"
    return uri.removeprefix(prefix) if uri.startswith(prefix) else f"docs/{uri}"


def _repository_path(origin: str, target: str) -> tuple[str | None, str]:
    """Return the file of a relative link, and its anchor with the number sign.

    The file is None for a link to another site or within the page.
    """
    path, mark, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:|/", path):
        return None, ""
    file = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
    # A folder and its README are one page.
    return file.removesuffix("/README.md"), mark + anchor


def _outside_targets(root: Path, origin: str, text: str) -> set[str]:
    """Return the files outside of docs/ that a page links to."""
    targets: list[str] = []

    def collect(target: str) -> str:
        targets.append(target)
        return target

    _replace_links(text, collect)
    files = {_repository_path(origin, target)[0] for target in targets}
    # MkDocs warns about a link to a page that does not exist.
    return {
        file
        for file in files
        if file and not f"{file}/".startswith("docs/") and (root / file).exists()
    }


def _replace_links(markdown: str, replace: Callable[[str], str]) -> str:
    """Replace the targets of the links outside of code blocks."""
    pieces = FENCED.split(markdown)
    blocks = [match[0] for match in FENCED.finditer(markdown)]
    texts = [
        LINK.sub(lambda match: match[1] + replace(match[2]) + match[3], text)
        for text in pieces
    ]
    return "".join(itertools.chain(*itertools.zip_longest(texts, blocks, fillvalue="")))


def _source_uri(root: Path, file: str) -> str:
    """Return the page of the site that includes a file or the list of a folder."""
    if (root / file).is_dir():
        return f"{SOURCE}/{file}/README.md"
    # MkDocs leaves out files with a leading dot.
    shown = re.sub(r"(^|/)\.", r"\1", file)
    return f"{SOURCE}/{shown}" if file.endswith(".md") else f"{SOURCE}/{shown}.md"


def _source_page(root: Path, file: str) -> tuple[str, str]:
    """Return the page that includes a file or the list of a folder, and its text."""
    path = root / file
    if path.is_dir():
        text = _folder_text(path, file)
    elif path.suffix == ".md":
        text = path.read_text()
    else:
        text = _code_text(path, file)
    return _source_uri(root, file), f"{UNSEARCHED}{text}"


def _folder_text(folder: Path, name: str) -> str:
    """Return the README of a folder, if it has one, and links to its other files."""
    readme = folder / "README.md"
    start = readme.read_text() if readme.exists() else f"# `{name}`\n"
    links = [
        f"- [`{path.relative_to(folder)}`]({path.relative_to(folder)})"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != readme and _is_source(path.relative_to(folder))
    ]
    return "\n".join([start, *links, ""])


def _is_source(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    is_text = path.suffix in LANGUAGES or path.suffix in {".md", ".txt"}
    return is_text and not hidden and not GENERATED & set(path.parts)


def _code_text(path: Path, name: str) -> str:
    code = path.read_text()
    longest = max(map(len, re.findall(r"^ *(`{3,})", code, re.MULTILINE)), default=2)
    fence = "`" * (longest + 1)
    language = LANGUAGES.get(path.suffix, "text")
    return f"# `{name}`\n\n{fence}{language}\n{code.rstrip()}\n{fence}\n"
