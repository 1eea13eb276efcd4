"""Which concept tokens a text means: attention to them by what they are called."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_NEVER = -1e4  # finite: a softmax over nothing else would be no number


class NamedAttention(nn.Module):
    """A text attends to all wordings of all concepts; those of one concept are added up."""

    keys: Tensor
    means: Tensor
    centre: Tensor
    belongs: Tensor

    def __init__(self, text_dimension: int, concepts: int, sharpness: float = 20.0) -> None:
        super().__init__()
        self.concepts = concepts
        # Made of the catalogue, so not kept with the weights.
        nothing = torch.zeros(0, text_dimension)
        self.register_buffer("centre", torch.zeros(text_dimension), persistent=False)
        self.register_buffer("keys", nothing, persistent=False)
        self.register_buffer("means", torch.zeros(0, dtype=torch.long), persistent=False)
        self.register_buffer("belongs", torch.zeros(0, concepts), persistent=False)
        # A residual adapter, at first the identity: raw cosines confuse related concepts.
        self.adapter = nn.Linear(text_dimension, text_dimension, bias=False)
        nn.init.zeros_(self.adapter.weight)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(sharpness)))

    @torch.no_grad()
    def listen(self, keys: Tensor, means: Tensor) -> None:
        """Take the wordings: embeddings (wording, text), and the number of what each means."""
        self.keys, self.means = keys, means
        self.belongs = functional.one_hot(means, self.concepts).to(keys.dtype)
        # Every concept counts the same, however many wordings it has.
        rows = self.belongs.T @ keys / self.belongs.sum(0).unsqueeze(1)
        self.centre = rows.mean(0)

    def unit(self, embeddings: Tensor) -> Tensor:
        """Embeddings as they are compared, shape as given."""
        centred = functional.normalize(embeddings - self.centre, dim=-1)
        return functional.normalize(centred + self.adapter(centred), dim=-1)

    def forward(self, query_embeddings: Tensor, banned: Tensor | None = None) -> Tensor:
        """Attention of texts, shape (query, concept); each row adds up to one.

        Args:
            query_embeddings: Unit vectors (query, text).
            banned: Wordings that a query must not find, (query, wording): in training its own.
        """
        cosines = self.unit(query_embeddings) @ self.unit(self.keys).T
        scores = cosines * self.log_sharpness.exp()
        if banned is not None:
            scores = scores.masked_fill(banned, _NEVER)
        attention: Tensor = scores.softmax(-1) @ self.belongs
        return attention


def naming_loss(
    naming: NamedAttention, batch: Tensor, *, noise: float, mixed: float, banned: float
) -> Tensor:
    """Find what a wording means by the *other* wordings; a mixture of two means both.

    Args:
        naming: Trained; from text alone, no recording and no label is seen.
        batch: Row numbers of wordings.
        noise: Of a random step, in deviations of the embeddings.
        mixed: Share of the queries that are two wordings in one.
        banned: Share of the queries that must not find themselves.
    """
    count = len(batch)
    other = batch[torch.randperm(count)]
    share = torch.where(torch.rand(count, 1) < mixed, 0.3 + 0.4 * torch.rand(count, 1), 1.0)
    queries = share * naming.keys[batch] + (1 - share) * naming.keys[other]
    queries = queries + noise * naming.keys.std(0) * torch.randn_like(queries)
    targets = share * naming.belongs[batch] + (1 - share) * naming.belongs[other]
    hidden = torch.rand(count) < banned
    ban = torch.zeros(count, len(naming.keys), dtype=torch.bool)
    rows = torch.arange(count)[hidden]
    ban[rows, batch[hidden]] = True
    ban[rows, other[hidden]] = True
    attention = naming(functional.normalize(queries, dim=-1), ban)
    loss: Tensor = -(targets * attention.clamp_min(1e-7).log()).sum(1).mean()
    return loss
