"""Endpoints on the reviews of a pull request, and on merging it."""

from .answers import Answer, Call, Refused, not_found, paged
from .discussion import Review
from .merging import merge, refuse_merge
from .opening import answered
from .routes_pulls import pull_issue, refuse_actions
from .shapes_discussion import review_shape
from .shapes_pulls import pull_of

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", None: "PENDING"}


def get_reviews(call: Call) -> Answer:
    issue = pull_issue(call)
    found = [review for review in call.repo.reviews if review.number == issue.number]
    return paged(call, found, lambda review: review_shape(call.world, call.repo, review))


def post_review(call: Call) -> Answer:
    """A review of the head, or of the commit named. Nobody approves or refuses a pull request of their own."""
    issue, event = pull_issue(call), call.body.get("event")
    if event not in STATES:
        raise Refused(422, "Unprocessable Entity", ["Variable $event of type PullRequestReviewEvent was provided invalid value"])
    if event == "APPROVE":
        refuse_actions(call)
    if issue.login == call.token.login and event in {"APPROVE", "REQUEST_CHANGES"}:
        verb = "approve" if event == "APPROVE" else "request changes on"
        raise Refused(422, "Unprocessable Entity", [f"Can not {verb} your own pull request"])
    commit = call.body.get("commit_id") or pull_of(issue).head_sha
    number, body = call.world.new_id(), call.body.get("body") or ""
    review = Review(number, issue.number, call.token.login, body, STATES[event], commit, call.world.now())
    call.repo.reviews.append(review)
    answered(call.world, call.repo, review)
    return Answer(200, review_shape(call.world, call.repo, review))


def put_dismissal(call: Call) -> Answer:
    for review in call.repo.reviews:
        if (review.number, review.id) == (call.number, int(call.args["review"])):
            call.given("message", "PullRequestReview", str)
            review.state = "DISMISSED"
            return Answer(200, review_shape(call.world, call.repo, review))
    raise not_found()


def get_merged(call: Call) -> Answer:
    if pull_of(pull_issue(call)).merged is None:
        raise not_found()
    return Answer(204)


def put_merge(call: Call) -> Answer:
    """Merges, when the pull request can be merged and its head is the commit that the caller knows."""
    issue, given = pull_issue(call), call.body or {}
    refuse_merge(call.repo, issue)
    if given.get("sha", pull_of(issue).head_sha) != pull_of(issue).head_sha:
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    words = given.get("commit_title"), given.get("commit_message")
    sha = merge(call.world, call.repo, issue, call.token.login, given.get("merge_method", "merge"), words)
    return Answer(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})
