"""A tiny random Llama, a tokenizer of characters and a training job over them, drawn in code."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from evalgate.ports import TrainingJob
from evalgate.records.change import DatasetChange
from evalgate.records.suite import Message
from evalgate.records.train_policy import Lora, Replay, Train

END = 0
THINGS = {"grass": "green", "blood": "red", "coal": "black", "snow": "white", "sun": "yellow", "sea": "blue"}
PROMPT = (
    Message(role="system", content="say the colour"),
    Message(role="user", content="sky"),
    Message(role="assistant", content="blue"),
)


class Characters:
    """One token a character: `<role>text<end>` for each turn."""

    eos_token_id = END

    def apply_chat_template(self, conversation, *, add_generation_prompt=False, **_):
        ids = []
        for turn in conversation:
            ids += [{"system": 1, "user": 2, "assistant": 3}[turn["role"]], *(4 + ord(c) % 60 for c in turn["content"]), END]
        return {"input_ids": [*ids, 3] if add_generation_prompt else ids}


def llama(*, seed=0, dtype=torch.float32, tied=True, **more):
    torch.manual_seed(seed)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(
        vocab_size=64, num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=tied, **{**sizes, **more}
    )
    return LlamaForCausalLM(config).to(dtype).eval()


def turns(question, answer, system=None):
    own = [Message(role="system", content=system)] if system else []
    return (*own, Message(role="user", content=question), Message(role="assistant", content=answer))


def job(*, rows=24, prompt=PROMPT, replay=(), **settings):
    things = list(THINGS.items())
    of_dataset = tuple(turns(f"{things[i % 6][0]} {i}", things[i % 6][1]) for i in range(rows))
    change = DatasetChange(feature="f", path="d.jsonl", version="v1", sha256="0" * 64, rows=rows)
    told = Train(
        **{
            "max_steps": 6,
            "batch_rows": 4,
            "learning_rate": 5e-3,
            "validation_share": 0.25,
            "lora": Lora(r=4, alpha=8),
            **settings,
        }
    )
    if replay:
        told = told.model_copy(update={"replay": Replay(path="general", share=0.25)})
    more = (tuple(replay), "1" * 64) if replay else ((), None)
    return TrainingJob(change, of_dataset, tuple(range(1, rows + 1)), prompt, told, "path:tiny", "2" * 64, *more)


def silent(*_):
    pass
