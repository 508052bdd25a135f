"""The voting service: one rpc per emoji, and the results. Votes for the doughnut always fail.

Environment: GRPC_PORT; ARTIFICIAL_DELAY, seconds that each vote takes; FAILURE_RATE, the share of all
other votes that fails, from 0 to 1. Each replica counts its own votes.
"""

import asyncio
import os
import random
from collections import Counter

import grpc
import rpc
import voting_pb2 as pb
from catalog import EMOJI, rpc_name

BROKEN = ":doughnut:"


class Poll:
    """The votes so far."""

    def __init__(self, delay: float, failure_rate: float) -> None:
        self.votes: Counter[str] = Counter()
        self.delay = delay
        self.failure_rate = failure_rate

    def vote(self, shortcode: str) -> rpc.Method:
        """Return the rpc that takes the votes for one emoji."""

        async def vote(_request: pb.VoteRequest, context: grpc.aio.ServicerContext) -> pb.VoteResponse:
            if self.delay:
                await asyncio.sleep(self.delay)
            if shortcode == BROKEN or random.random() < self.failure_rate:  # noqa: S311 - no secret
                await context.abort(grpc.StatusCode.UNKNOWN, f"nobody may vote for {shortcode}")
            self.votes[shortcode] += 1
            return pb.VoteResponse()

        return vote

    async def results(self, _request: pb.ResultsRequest, _context: grpc.aio.ServicerContext) -> pb.ResultsResponse:
        return pb.ResultsResponse(
            results=[pb.VotingResult(shortcode=code, votes=count) for code, count in self.votes.most_common()]
        )


def main() -> None:
    poll = Poll(float(os.environ.get("ARTIFICIAL_DELAY") or 0), float(os.environ.get("FAILURE_RATE") or 0))
    methods: dict[str, rpc.Method] = {rpc_name(code): poll.vote(code) for code in EMOJI}
    methods["Results"] = poll.results
    asyncio.run(rpc.serve(int(os.environ["GRPC_PORT"]), rpc.handlers(pb, "VotingService", methods)))


if __name__ == "__main__":
    main()
