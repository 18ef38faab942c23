import math

import torch
from torch import nn

torch.manual_seed(0)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.0, max_len=50):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return self.dropout(x + self.pe[: x.size(0)])


class Attn(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h, self.d = h, d // h
        self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))

    def forward(self, x, mask=None):
        T, B, D = x.shape
        q, k, v = (f(x).view(T, B * self.h, self.d).transpose(0, 1) for f in (self.q, self.k, self.v))
        s = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(self.d)
        if mask is not None:
            s = s + mask
        return self.o(torch.bmm(s.softmax(-1), v).transpose(0, 1).reshape(T, B, D))


class Enc(nn.Module):
    def __init__(self, V, d=16, h=2):
        super().__init__()
        self.emb, self.pos, self.att = nn.Embedding(V, d), PositionalEncoding(d), Attn(d, h)
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 32), nn.GELU(), nn.Linear(32, d))
        self.head = nn.Linear(d, 2)

    def forward(self, s):
        x = self.pos(self.emb(s) * math.sqrt(16))
        x = self.n1(x + self.att(x))
        x = self.n2(x + self.ff(x))
        return self.head(x.mean(0))


m = Enc(10)
src = torch.randint(0, 10, (6, 32))
y = (src.float().mean(0) > 4.5).long()
opt = torch.optim.Adam(m.parameters(), 1e-2)
for i in range(20):
    loss = nn.functional.cross_entropy(m(src), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print(f"{loss.item():.3f}", (m(src).argmax(1) == y).float().mean().item(), sum(p.numel() for p in m.parameters()))
print([n for n, b in m.named_buffers()], m.pos.pe[1, 0, :4])
sz = 4
mask = (torch.triu(torch.ones(sz, sz)) == 1).transpose(0, 1)
print(mask.float().masked_fill(mask == 0, float("-inf")).masked_fill(mask == 1, 0.0))
