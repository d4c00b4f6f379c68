"""Who owns a path, as GitHub documents it."""

import pytest

from evalgate.review.codeowners import owners_of, people_of, teams_of

GITHUB = """\
# This is a comment.
*       @global-owner1 @global-owner2

*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/ @octocat
/apps/github
"""
"""After the example in "About code owners" at docs.github.com."""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("README", "@global-owner1 @global-owner2"),
        ("deep/down/README", "@global-owner1 @global-owner2"),
        ("web/x.js", "@js-owner"),
        ("x.go", "docs@example.com"),
        ("a/b/c.txt", "@octo-org/octocats"),
        ("build/logs/1.log", "@octocat"),
        ("build/logs/deep/1.log", "@octocat"),
        ("more/docs/x", "@global-owner1 @global-owner2"),
        ("docs/x.md", "@doctocat"),
        ("docs/deep/x.md", "@doctocat"),
        ("x/apps/y", "@octocat"),
        ("scripts/a/b", "@doctocat @octocat"),
        ("deeply/nested/logs/x", "@octocat"),
        ("apps/x", "@octocat"),
        ("apps/github", ""),
        ("apps/github/x/y", ""),
        ("apps/github2", "@octocat"),
    ],
)
def test_owners__of_githubs_own_example(path, owners):
    assert list(owners_of(GITHUB, path)) == owners.split()


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*", "a a/b a/b/c", ""),
        ("/*", "a", "a/b a/b/c"),
        ("docs/*", "docs/a", "docs/a/b x/docs/a docs"),
        ("/docs/*", "docs/a", "docs/a/b"),
        ("docs/**", "docs/a docs/a/b", "x/docs/a"),
        ("docs/**/*", "docs/a docs/a/b docs/a/b/c", "x/docs/a"),
        ("**/docs/*", "docs/a x/docs/a x/docs/docs/a", "docs/a/b"),
        ("**/docs", "docs/a x/docs/a/b", "xdocs/a"),
        ("a/*/c", "a/b/c a/b/c/d", "a/c a/b/x/c"),
        ("a/**/c", "a/c a/b/c a/b/x/c", "b/a/c"),
        ("docs", "docs docs/a x/docs x/docs/a", "docsx xdocs"),
        ("docs/", "docs/a x/docs/a", "docs x/docs"),
        ("/docs", "docs docs/a", "x/docs"),
        ("a/docs", "a/docs a/docs/x", "x/a/docs"),
        ("*.jsonl", "a.jsonl x/a.jsonl", "a.json a.jsonlx"),
        ("a?.md", "ab.md x/ab.md", "a.md abc.md"),
        ("Docs", "Docs", "docs"),
        ("/", "", "a a/b"),
    ],
)
def test_pattern__reaches_where_github_says(pattern, yes, no):
    text = f"{pattern} @ann"
    assert [path for path in yes.split() if not owners_of(text, path)] == []
    assert [path for path in no.split() if owners_of(text, path)] == []


def test_owners__the_last_match_wins_whatever_is_more_exact():
    assert owners_of("/datasets/f/x.jsonl @ann\n* @bob\n", "datasets/f/x.jsonl") == ("@bob",)


def test_owners__a_line_without_owners_takes_them_away():
    assert owners_of("* @ann\n/datasets/\n", "datasets/f/x.jsonl") == ()


@pytest.mark.parametrize(
    "line",
    [
        "!/datasets/ @bob",
        "/dataset[s]/ @bob",
        "[Datasets] @bob",
        "^[Datasets][2] @bob",
        r"\#datasets @bob",
        "# /datasets/ @bob",
        "   # /datasets/ @bob",
        "/datasets/ bob",
        "/datasets/ @bob and friends",
        "/datasets/***/x @bob",
        "\\",
        "datasets\\",
        r"datasets\/f @bob",
        "",
        "   ",
    ],
)
def test_line__that_github_cannot_read_is_no_rule(line):
    assert owners_of(f"* @ann\n{line}\n", "datasets/f/x.jsonl") == ("@ann",)


def test_line__may_end_as_on_windows_be_indented_and_use_tabs():
    assert owners_of("* @ann\r\n \t/datasets/\t@bob  @cy\t\r\n", "datasets/x.jsonl") == ("@bob", "@cy")


def test_line__a_comment_may_follow_the_owners():
    assert owners_of("/datasets/ @ann # not @bob", "datasets/x") == ("@ann",)
    assert owners_of("/datasets/ # nobody", "datasets/x") == ()


def test_line__only_a_newline_ends_it():
    assert owners_of("* @ann\n# of old:\u2028* @mallory\x0b* @mallory", "x") == ("@ann",)


def test_pattern__a_backslash_keeps_a_space():
    assert owners_of(r"/my\ data/ @ann", "my data/x") == ("@ann",)
    assert owners_of(r"/my\ data/ @ann", "my/x") == ()


@pytest.mark.parametrize("pattern", ["*", "/datasets/", "datasets/**", "**/*.jsonl", "*.jsonl", "**/f/*", "x.jsonl", "f/"])
def test_owners__a_newline_in_a_folders_name_hides_nothing(pattern):
    text = f"* @mallory\n{pattern.replace('/f/', '/g/')} @ann"
    assert owners_of(text, "datasets/a\nb/f/x.jsonl".replace("/f/", "/g/" if "/f/" in pattern else "/f/")) == ("@ann",)


def test_people_and_teams__are_told_apart_and_addresses_are_neither():
    owners = ("@ann", "@acme/data", "cy@example.com")
    assert (people_of(owners), teams_of(owners)) == (("ann",), ("acme/data",))
