import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
logits, y = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
for r in ("mean", "sum", "none"):
    print(F.cross_entropy(logits, y, reduction=r), F.nll_loss(logits.log_softmax(1), y, reduction=r))
print(
    F.cross_entropy(logits, y, weight=torch.tensor([1.0, 2.0, 0.5])),
    F.cross_entropy(logits, y, label_smoothing=0.1),
    F.cross_entropy(logits, y, ignore_index=1),
    F.cross_entropy(logits, F.one_hot(y, 3).float()),
)
p, t = torch.rand(4), torch.tensor([0.0, 1.0, 1.0, 0.0])
for l in (
    nn.BCELoss(),
    nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0)),
    nn.MSELoss(),
    nn.L1Loss(),
    nn.SmoothL1Loss(),
    nn.HuberLoss(delta=0.5),
    nn.KLDivLoss(reduction="batchmean"),
    nn.PoissonNLLLoss(),
    nn.HingeEmbeddingLoss(),
    nn.SoftMarginLoss(),
):
    print(type(l).__name__, l(p, t))
print(
    nn.CosineEmbeddingLoss()(logits, logits.flip(0), torch.ones(5)),
    nn.TripletMarginLoss()(logits, logits + 0.1, logits.flip(0)),
    nn.MarginRankingLoss(0.1)(p, t, torch.ones(4)),
)
pred = logits.argmax(1)
acc = (pred == y).float().mean()
print(pred, acc, f"{acc:.2%}")
cm = torch.zeros(3, 3, dtype=torch.long)
cm.index_put_((y, pred), torch.ones(5, dtype=torch.long), accumulate=True)
print(cm)
tp = cm.diag().float()
prec, rec = tp / cm.sum(0).clamp(min=1), tp / cm.sum(1).clamp(min=1)
print(prec, rec, 2 * prec * rec / (prec + rec).clamp(min=1e-8))
print(
    logits.topk(2).indices,
    (logits.topk(2).indices == y[:, None]).any(1).float().mean(),
    torch.argsort(logits, descending=True)[:, 0],
    F.softmax(logits, -1).sum(-1),
    F.log_softmax(logits, 1).exp().sum(),
    torch.softmax(logits, 0)[0],
)
print(
    F.pairwise_distance(logits, logits.flip(0)),
    F.normalize(logits, dim=1).norm(dim=1),
    F.cosine_similarity(logits, logits + 1),
    torch.bincount(y, minlength=4),
    torch.unique(y, return_counts=True),
    torch.cdist(logits[:2], logits[2:]),
)
R = torch.exp(-0.5 * logits.pow(2))
print(R.mean(), 1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum())
