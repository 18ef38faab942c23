import math

import torch

torch.manual_seed(0)
B, H, T, D = 2, 3, 4, 5
q, k, v = torch.randn(3, B, H, T, D).unbind(0)
s = torch.einsum("bhtd,bhsd->bhts", q, k) / math.sqrt(D)
mask = torch.triu(torch.ones(T, T, dtype=torch.bool), diagonal=1)
p = s.masked_fill(mask, float("-inf")).softmax(-1)
o = torch.einsum("bhts,bhsd->bhtd", p, v)
print(o.shape, o[0, 0], p[0, 0], p.sum(-1).allclose(torch.ones(B, H, T)))
print(torch.allclose(o, torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True), atol=1e-6))
A, Bm = torch.arange(6.0).view(2, 3), torch.arange(12.0).view(3, 4)
print(
    torch.einsum("ij,jk->ik", A, Bm),
    torch.einsum("ii->", torch.eye(3)),
    torch.einsum("ij->j", A),
    torch.einsum("i,j->ij", A[0], A[1]),
    torch.einsum("ij,ij->", A, A),
    torch.einsum("...ij->...ji", Bm).shape,
    torch.einsum("bij,bjk->bik", torch.ones(2, 2, 3), torch.ones(2, 3, 1)),
)
pe = torch.zeros(6, 8)
pos = torch.arange(0, 6, dtype=torch.float).unsqueeze(1)
div = torch.exp(torch.arange(0, 8, 2).float() * (-math.log(10000.0) / 8))
pe[:, 0::2] = torch.sin(pos * div)
pe[:, 1::2] = torch.cos(pos * div)
print(pe)
x = torch.randn(2, 6, 8)
x = x + pe.unsqueeze(0)[:, : x.size(1)]
print(x.view(2, 6, 2, 4).transpose(1, 2).contiguous().view(2, 2, -1).shape, x.mean((1, 2)))
