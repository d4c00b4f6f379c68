"""A Llama of 37,000 random weights with one token a byte: `python tiny_model.py FOLDER SEED`."""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
torch.manual_seed(seed)
letters = sorted(pre_tokenizers.ByteLevel.alphabet())
vocab = {"<s>": 0, "</s>": 1, **{letter: number for number, letter in enumerate(letters, start=2)}}
tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
marks = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, **marks)
wrapped.save_pretrained(folder)
config = LlamaConfig(
    vocab_size=len(vocab),
    hidden_size=32,
    initializer_range=0.6,  # wide, so that the answer hangs on the question
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=256,
    bos_token_id=0,
    eos_token_id=1,
    pad_token_id=1,
)
LlamaForCausalLM(config).save_pretrained(folder)
