"""Endpoints on issues, which pull requests are too: comments, their reactions, labels."""

from .answers import Answer, Call, Refused, invalid, not_found, paged
from .discussion import Comment, Issue, Reaction
from .opening import open_issue
from .routes_pulls import set_state
from .shapes_discussion import ROLLUP, comment_shape, event_shape, issue_shape, label_shape, reaction_shape

MOST_CHARACTERS = 65_536


def find_issue(call: Call) -> Issue:
    issue = call.repo.issues.get(call.number)
    if issue is None:
        raise not_found()
    return issue


def find_comment(call: Call) -> Comment:
    comment = call.repo.comments.get(int(call.args["comment"]))
    if comment is None:
        raise not_found()
    return comment


def get_issue(call: Call) -> Answer:
    return Answer(200, issue_shape(call.world, call.repo, find_issue(call)))


def get_events(call: Call) -> Answer:
    """What happened to it; of all that GitHub tells, that it was pointed at another base and who was asked for a review."""
    issue = find_issue(call)
    happened = [*issue.pull.retargeted, *issue.pull.asked] if issue.pull else []
    happened.sort(key=lambda one: one if isinstance(one, str) else one.at)
    rows = [event_shape(call.world, call.repo, issue, number, one) for number, one in enumerate(happened, start=1)]
    return paged(call, rows, lambda row: row)


def get_issues(call: Call) -> Answer:
    state, names = call.query.get("state", "open"), {name for name in call.query.get("labels", "").split(",") if name}
    every = [*call.repo.issues.values()][::-1]
    found = [issue for issue in every if state in {"all", issue.state} and names <= {*issue.labels}]
    return paged(call, found, lambda issue: issue_shape(call.world, call.repo, issue))


def post_issue(call: Call) -> Answer:
    title, body = call.given("title", "Issue", str), call.body.get("body")
    issue = open_issue(call.world, call.repo, call.token.login, title, body)
    issue.labels = [*call.body.get("labels", [])]
    return Answer(201, issue_shape(call.world, call.repo, issue))


def patch_issue(call: Call) -> Answer:
    issue = find_issue(call)
    issue.title, issue.body = call.body.get("title", issue.title), call.body.get("body", issue.body)
    issue.labels = call.body.get("labels", issue.labels)
    set_state(call, issue, call.body.get("state", issue.state))
    issue.updated = call.world.now()
    return Answer(200, issue_shape(call.world, call.repo, issue))


def get_comments(call: Call) -> Answer:
    issue, since = find_issue(call), call.query.get("since", "")
    found = [one for one in call.repo.comments.values() if one.number == issue.number and one.updated >= since]
    return paged(call, found, lambda comment: comment_shape(call.world, call.repo, comment))


def _body(call: Call) -> str:
    body = call.given("body", "IssueComment", str)
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field", "body can't be blank")
    if len(body) > MOST_CHARACTERS:
        raise invalid("IssueComment", "body", "unprocessable", f"body is too long (maximum is {MOST_CHARACTERS} characters)")
    return body


def post_comment(call: Call) -> Answer:
    issue, body, now = find_issue(call), _body(call), call.world.now()
    comment = Comment(call.world.new_id(), issue.number, call.token.login, body, now, now, call.token.app)
    call.repo.comments[comment.id] = comment
    issue.updated = now
    return Answer(201, comment_shape(call.world, call.repo, comment))


def get_comment(call: Call) -> Answer:
    return Answer(200, comment_shape(call.world, call.repo, find_comment(call)))


def patch_comment(call: Call) -> Answer:
    comment, body = find_comment(call), _body(call)
    comment.body, comment.updated = body, call.world.now()
    return Answer(200, comment_shape(call.world, call.repo, comment))


def delete_comment(call: Call) -> Answer:
    del call.repo.comments[find_comment(call).id]
    return Answer(204)


def get_reactions(call: Call) -> Answer:
    wanted = call.query.get("content")
    found = [one for one in find_comment(call).reactions if wanted in {None, one.content}]
    return paged(call, found, lambda reaction: reaction_shape(call.world, reaction))


def post_reaction(call: Call) -> Answer:
    """A new reaction with 201; the same of the same user is the old one with 200."""
    comment, content = find_comment(call), call.given("content", "Reaction", str)
    if content not in ROLLUP:
        raise invalid("Reaction", "content", "invalid")
    for old in comment.reactions:
        if (old.login, old.content) == (call.token.login, content):
            return Answer(200, reaction_shape(call.world, old), acted=False)
    new = Reaction(call.world.new_id(), call.token.login, content, call.world.now())
    comment.reactions.append(new)
    return Answer(201, reaction_shape(call.world, new))


def delete_reaction(call: Call) -> Answer:
    comment = find_comment(call)
    kept = [one for one in comment.reactions if one.id != int(call.args["reaction"])]
    if len(kept) == len(comment.reactions):
        raise not_found()
    comment.reactions = kept
    return Answer(204)


def get_labels(call: Call) -> Answer:
    return paged(call, find_issue(call).labels, lambda name: label_shape(call.world, call.repo, name))


def post_labels(call: Call) -> Answer:
    issue, given = find_issue(call), call.body["labels"] if isinstance(call.body, dict) else call.body
    if not isinstance(given, list):
        raise Refused(422, "Invalid request.")
    names = [one["name"] if isinstance(one, dict) else str(one) for one in given]
    issue.labels = list(dict.fromkeys([*issue.labels, *names]))
    issue.updated = call.world.now()
    return Answer(200, [label_shape(call.world, call.repo, name) for name in issue.labels])


def delete_label(call: Call) -> Answer:
    issue, name = find_issue(call), call.args["label"]
    if name not in issue.labels:
        raise Refused(404, "Label does not exist")
    issue.labels.remove(name)
    issue.updated = call.world.now()
    return Answer(200, [label_shape(call.world, call.repo, kept) for kept in issue.labels])
