import torch
import torch.nn as nn

torch.manual_seed(0)


class RNNCell(nn.Module):
    def __init__(self, i, h):
        super().__init__()
        self.i2h, self.h2h = nn.Linear(i, h), nn.Linear(h, h, bias=False)
        self.h = h

    def forward(self, x, hid):
        return torch.tanh(self.i2h(x) + self.h2h(hid))

    def initHidden(self, b):
        return torch.zeros(b, self.h)


class LSTMCell(nn.Module):
    def __init__(self, i, h):
        super().__init__()
        self.g = nn.Linear(i + h, 4 * h)

    def forward(self, x, s):
        h, c = s
        i, f, g, o = self.g(torch.cat([x, h], 1)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


seq = torch.sin(torch.arange(0, 30) * 0.3)
X = torch.stack([seq[i : i + 8] for i in range(20)]).unsqueeze(-1)
Y = seq[8:28].unsqueeze(1)
cell, lstm, out = RNNCell(1, 8), LSTMCell(1, 8), nn.Linear(16, 1)
params = [*cell.parameters(), *lstm.parameters(), *out.parameters()]
opt = torch.optim.Adam(params, 0.02)
for e in range(30):
    h, (a, c) = cell.initHidden(20), (torch.zeros(20, 8), torch.zeros(20, 8))
    for t in range(8):
        h = cell(X[:, t], h)
        a, c = lstm(X[:, t], (a, c))
    loss = nn.functional.mse_loss(out(torch.cat([h, a], -1)), Y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params, 1.0)
    opt.step()
    if e % 10 == 9:
        print(e, f"{loss.item():.4f}")
