"""Small transformers of the kinds that people bring, for the zoo (:mod:`benchmarks.zoo`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, HEADS, TOKENS, CLASSES = 32, 4, 12, 10


def split_heads(tokens: Tensor, heads: int = HEADS) -> Tensor:
    """(N, T, D) to (N, heads, T, D/heads)."""
    return tokens.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(heads: Tensor) -> Tensor:
    """The inverse of :func:`split_heads`."""
    return heads.transpose(1, 2).flatten(2)


class GPT(nn.Module):
    """A causal block as in GPT-2: one layer for queries, keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH), nn.Dropout(0.1)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        parts = [split_heads(part) for part in self.qkv(self.norm_1(tokens)).chunk(3, -1)]
        tokens = tokens + self.out(
            join_heads(F.scaled_dot_product_attention(*parts, is_causal=True))
        )
        return tokens + self.mlp(self.norm_2(tokens))


class Llama(nn.Module):
    """Rotary positions, two heads for keys and values, a gated MLP; no biases."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.RMSNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.q = nn.Linear(WIDTH, WIDTH, bias=False)
        self.k, self.v = (nn.Linear(WIDTH, WIDTH // 2, bias=False) for _ in range(2))
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate, self.up = (nn.Linear(WIDTH, 2 * WIDTH, bias=False) for _ in range(2))
        self.down = nn.Linear(2 * WIDTH, WIDTH, bias=False)
        half = WIDTH // HEADS // 2
        angles = torch.outer(torch.arange(TOKENS), 100.0 ** -(torch.arange(half) / half))
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def rotated(self, heads: Tensor) -> Tensor:
        left, right = heads.chunk(2, -1)
        return torch.cat(
            [left * self.cos - right * self.sin, left * self.sin + right * self.cos], -1
        )

    def forward(self, tokens: Tensor) -> Tensor:
        read = self.norm_1(tokens)
        keys, values = (
            split_heads(layer(read), HEADS // 2).repeat_interleave(2, 1)
            for layer in (self.k, self.v)
        )
        queries, keys = self.rotated(split_heads(self.q(read))), self.rotated(keys)
        tokens = tokens + self.out(
            join_heads(F.scaled_dot_product_attention(queries, keys, values, is_causal=True))
        )
        read = self.norm_2(tokens)
        return tokens + self.down(F.silu(self.gate(read)) * self.up(read))


class BEiT(nn.Module):
    """Reads the weight of a layer that it never calls; learned scales on the residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH)
        self.q_bias, self.v_bias = (nn.Parameter(torch.zeros(WIDTH)) for _ in range(2))
        self.gamma = nn.Parameter(torch.full((WIDTH,), 0.1))

    def forward(self, tokens: Tensor) -> Tensor:
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        parts = F.linear(self.norm(tokens), self.qkv.weight, bias).chunk(3, -1)
        read = join_heads(F.scaled_dot_product_attention(*map(split_heads, parts)))
        return tokens + self.gamma * self.out(read)


class T5(nn.Module):
    """Positions as an embedding's bias on the scores; an MLP changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(WIDTH)
        self.q, self.k, self.v, self.out = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.position = nn.Embedding(2 * TOKENS, HEADS)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 64, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(64, WIDTH, bias=False),
        )
        places = torch.arange(TOKENS)
        self.register_buffer("distance", places[:, None] - places + TOKENS)

    def forward(self, tokens: Tensor) -> Tensor:
        read = self.norm(tokens)
        bias = self.position(self.distance).permute(2, 0, 1)
        queries, keys, values = (split_heads(layer(read)) for layer in (self.q, self.k, self.v))
        read = F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        tokens = tokens + self.out(join_heads(read))
        return tokens + self.mlp(tokens)


class Perceiver(nn.Module):
    """Learned queries attend to the tokens through torch's own attention module."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(TOKENS, WIDTH) * 0.1)
        self.ask = nn.Linear(WIDTH, WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        queries = self.ask(self.queries).expand(len(tokens), -1, -1)
        read = self.attention(queries, tokens, tokens, need_weights=False)[0]
        return read + self.mlp(read)


class Mixture(nn.Module):
    """A router and four experts, all of which see all tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.router = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, 64), nn.SiLU(), nn.Linear(64, WIDTH)) for _ in range(4)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        read = self.norm(tokens)
        shares = self.router(read).softmax(-1)
        outputs = torch.stack([expert(read) for expert in self.experts], -1)
        return tokens + (outputs * shares[..., None, :]).sum(-1)


class Encoder(nn.TransformerEncoderLayer):
    """torch's own."""

    def __init__(self) -> None:
        super().__init__(WIDTH, HEADS, 64, batch_first=True, norm_first=True)


class Transformer(nn.Module):
    """A head, registered first, over two blocks and an embedding of tokens."""

    def __init__(self, block: type[nn.Module]) -> None:
        super().__init__()
        self.head = nn.Linear(WIDTH, CLASSES)
        self.embedding = nn.Embedding(50, WIDTH)
        self.blocks = nn.Sequential(block(), block())

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.blocks(self.embedding(tokens)).mean(1))


BLOCKS = (GPT, Llama, BEiT, T5, Perceiver, Mixture, Encoder)
