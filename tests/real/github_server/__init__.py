"""A GitHub for tests: the REST endpoints that EvalGate uses, stateful, over a real bare git repository.

with GithubServer(tmp_path) as server:
    repository = server.repository("octo/evalgate")
    repository.commit("main", {"README.md": b"hello\n"}, "first")
    repository.commit("topic", {"data.jsonl": b"{}\n"}, "a row", base="main")
    number = repository.open_pull("topic", author="ann")
    token = server.token("t", "github-actions[bot]", {"issues": "write"}, app="github-actions")
    github.Github(base_url=server.public_url, auth=github.Auth.Token(token), retry=None)
"""

from .answers import Refused
from .drawing import DrawnRepository
from .faults import Fault
from .server import GithubServer, Logged
from .world import Person, World

__all__ = ["DrawnRepository", "Fault", "GithubServer", "Logged", "Person", "Refused", "World"]
