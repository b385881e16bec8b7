"""The documentation site: its build, its links, and its pages in Chromium."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import expect

from tests.support import browser_pages, built_site

ROOT = built_site.ROOT
CONFIG = ROOT / "mkdocs.yml"
DOCS = ROOT / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
# One page of each kind: text, tables, code, pictures, a file of the repository.
LOOKED_AT = [
    *("index.html", "quickstart.html", "authenticators.html", "404.html"),
    "source/deploy/proxy/nginx.conf.html",
]
# The last one is that of the check of accessibility: only there do tables scroll.
WIDTHS = (1280, 768, 320)
FITS = "(width) => document.documentElement.scrollWidth <= width"
EXTERNAL = re.compile(r"(https?:)?//|mailto:|data:")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the site once for each module."""
    folder = tmp_path_factory.mktemp("site")
    result = built_site.build(CONFIG, folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[str, built_site.BuiltPage]:
    """Return every page of the built site by its path."""
    return {
        str(path.relative_to(site)): built_site.BuiltPage(path.read_text())
        for path in site.rglob("*.html")
    }


def html_name(page: str) -> str:
    """Return the path of the page that the site has of a file of docs/."""
    return re.sub(
        r"(README)?\.md$", lambda end: "index.html" if end[1] else ".html", page
    )


def elements(html: str) -> dict[str, int]:
    """Return how many elements of each kind of block a text has."""
    kinds = (
        "h1",
        "h2",
        "h3",
        "h4",
        "ul",
        "ol",
        "li",
        "pre",
        "table",
        "tr",
        "blockquote",
    )
    return {kind: len(re.findall(f"<{kind}[ >]", html)) for kind in kinds}


@pytest.mark.parametrize("page", PAGES)
def test_page_has_the_same_blocks_on_github_and_on_the_site(site, page):
    html = (site / html_name(page)).read_text()
    article = html.split("<article", 1)[1].split("</article>", 1)[0]

    on_github = (
        MarkdownIt("commonmark").enable("table").render((DOCS / page).read_text())
    )

    assert elements(article) == elements(on_github)


def test_every_local_link_of_the_built_site_has_its_target(pages, site):
    broken = []
    for name, page in pages.items():
        if name == "404.html":  # a server shows it at any path
            continue
        for link in [*page.links, *page.resources]:
            if EXTERNAL.match(link):
                continue
            path, anchor = urldefrag(urljoin(f"/{name}", link))
            file = unquote(path).lstrip("/")
            target = "index.html" if file == "" else file
            known = not anchor or unquote(anchor) in pages[target].anchors
            if not (site / target).is_file() or not known:
                broken.append(f"{name}: {link}")

    assert broken == []


def test_built_site_refers_to_no_resource_of_another_host(pages, site):
    resources = {url for page in pages.values() for url in page.resources}
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    in_styles = set(re.findall(r"(?:url\(|@import )['\"]?([^'\")]+)", styles))

    assert len(resources) > 3
    assert [
        url for url in resources | in_styles if re.match(r"(https?:)?//", url)
    ] == []


def test_built_site_has_no_diagram_that_the_theme_loads_from_a_cdn(pages):
    assert [name for name, page in pages.items() if "mermaid" in page.classes] == []


def small_site(folder: Path, text: str, settings: str = "") -> Path:
    """Return the configuration of a site with one page, in a repository of its own."""
    (folder / "docs").mkdir()
    (folder / "docs" / "index.md").write_text(f"# Page\n\n{text}\n")
    (folder / "LICENSE").write_text("The text of a license.\n")
    config = folder / "mkdocs.yml"
    lines = [
        f"INHERIT: {CONFIG}",
        f"hooks: ['{ROOT / 'tools' / 'site_hooks.py'}']",
        f"docs_dir: {folder / 'docs'}",
        "extra_css: []",
        "extra_javascript: []",
        "nav: [index.md]",
        settings,
    ]
    config.write_text("\n".join(lines))
    return config


def test_broken_links_and_pages_without_navigation_fail_the_build(tmp_path):
    broken = [
        "missing.md",
        "#missing",
        "../missing.txt",
        "index.md#gone",
        "/x.md",
        "no",
    ]
    links = " ".join(f"[link]({link})" for link in broken)
    config = small_site(tmp_path, links)
    (tmp_path / "docs" / "other.md").write_text("# Other\n")

    result = built_site.build(config, tmp_path / "site")

    assert result.returncode != 0
    assert result.stderr.count("WARNING") == len(broken) + 1
    for name in [*broken, "other.md"]:
        assert name.lstrip("./") in result.stderr


def test_linked_file_outside_of_docs_is_included_without_a_repository_url(tmp_path):
    config = small_site(tmp_path, "The [license](../LICENSE).")

    result = built_site.build(config, tmp_path / "site")

    assert result.returncode == 0, result.stderr
    page = built_site.BuiltPage((tmp_path / "site" / "index.html").read_text())
    assert "source/LICENSE.html" in page.links
    included = tmp_path / "site" / "source" / "LICENSE.html"
    assert "The text of a license." in included.read_text()


def test_linked_file_outside_of_docs_leads_to_the_repository_url(tmp_path):
    url = "https://git.example.com/otp-engine"
    config = small_site(tmp_path, "The [license](../LICENSE).", f"repo_url: {url}/")

    result = built_site.build(config, tmp_path / "site")

    assert result.returncode == 0, result.stderr
    page = built_site.BuiltPage((tmp_path / "site" / "index.html").read_text())
    assert f"{url}/blob/main/LICENSE" in page.links
    assert not (tmp_path / "site" / "source").exists()


@pytest.fixture(scope="module")
def stack(site):
    """Serve the built site; return its URL."""
    with built_site.serving(site) as url:
        yield url


@pytest.mark.browser
@pytest.mark.parametrize("colors", ["light", "dark"])
def test_page_of_the_site_fits_the_screen_and_has_no_serious_violation(
    open_page, colors
):
    page = open_page("/index.html", color_scheme=colors)
    violations = []
    for path in LOOKED_AT:
        page.goto(f"/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            # The navigation moves for a moment after a change of the width.
            page.wait_for_function(FITS, arg=width)
        violations += browser_pages.serious_violations(page)

    assert violations == []


@pytest.mark.browser
def test_table_wider_than_the_screen_can_be_scrolled_by_keyboard(open_page):
    page = open_page("/glossary.html", viewport={"width": 1280, "height": 800})
    table = page.locator(".md-typeset__scrollwrap").first
    expect(table).not_to_have_attribute("tabindex", "0")

    page.set_viewport_size({"width": 320, "height": 800})

    expect(table).to_have_attribute("tabindex", "0")
    expect(table).to_have_role("region")


@pytest.mark.browser
def test_copied_example_has_its_command_without_prompt_and_output(open_page):
    page = open_page(
        "/quickstart.html", permissions=["clipboard-read", "clipboard-write"]
    )
    example = page.locator(".highlight", has_text="/auth/send_otp").first

    example.hover()
    example.get_by_role("button").click()

    page.wait_for_function("navigator.clipboard.readText().then(Boolean)")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"curl localhost:3000/auth/send_otp --json '{.*}'", copied)


@pytest.mark.browser
def test_search_of_the_site_finds_a_setting(open_page):
    page = open_page("/index.html", viewport={"width": 1280, "height": 800})

    page.get_by_role("textbox", name="Search").fill("OTP_PEPPER")

    results = page.locator(".md-search-result__item")
    expect(results.first).to_be_visible()
    expect(results.first).to_contain_text("OTP_PEPPER")
