"""Greedy answers by transformers' continuous batching: rows come and go while a card computes, keys and values lie in pages.

It is offered on CUDA cards, where its pages pay; on a CPU it runs, which is how it is tested, but shares no opening.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from transformers import GenerationConfig

from evalgate.errors import NotMeasured
from evalgate.models.generation import Generated, Limits, Question
from evalgate.models.shared_attention import NAME


def answer_continuously(network: Any, questions: Sequence[Question], limits: Limits) -> Iterator[Generated]:
    """Yield each question's greedy answer, all at the end; drafts are not verified and confidences not kept.

    Raises:
        NotMeasured: a request failed.
    """
    settings = GenerationConfig(
        max_new_tokens=limits.max_new_tokens, do_sample=False, eos_token_id=limits.stop, pad_token_id=limits.stop
    )
    before = network.config._attn_implementation
    if before == NAME:
        network.set_attn_implementation("sdpa")
    begun = time.perf_counter()
    try:
        outputs = network.generate_batch(inputs=[question.ids for question in questions], generation_config=settings)
    finally:
        network.set_attn_implementation(before)
    took = (time.perf_counter() - begun) * 1000
    of_prompt = {tuple(output.prompt_ids): output for output in outputs.values()}
    for question in questions:
        output = of_prompt.get(tuple(question.ids))
        if output is None or output.error is not None:
            raise NotMeasured(f"continuous batching gave no answer: {output.error if output else 'a request was lost'}")
        tokens = list(output.generated_tokens)
        text = tokens[:-1] if tokens and tokens[-1] == limits.stop else tokens
        yield Generated(question.place, text, took, len(question.ids), len(tokens))
