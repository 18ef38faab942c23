import argparse
import collections
import json

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--no-cuda", action="store_true")
args = parser.parse_args([])
use_cuda = not args.no_cuda and torch.cuda.is_available()
use_mps = torch.backends.mps.is_available()
device = torch.device("cuda" if use_cuda else "mps" if use_mps else "cpu")
print(args, device, torch.cuda.device_count())
torch.manual_seed(1)


class AverageMeter:
    def __init__(self):
        self.sum = self.n = 0

    def update(self, v, n=1):
        self.sum += v * n
        self.n += n

    @property
    def avg(self):
        return self.sum / self.n


X = torch.randn(200, 5)
y = (X.sum(1) > 0).float().unsqueeze(1)
train, val = random_split(TensorDataset(X, y), [0.8, 0.2])
loaders = {k: DataLoader(d, batch_size=32, shuffle=(k == "train")) for k, d in (("train", train), ("val", val))}
model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(inplace=True), nn.Dropout(p=0.2), nn.Linear(8, 1)).to(device)
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
history = collections.defaultdict(list)
best = 0
for epoch in range(1, args.epochs + 1):
    for phase in ("train", "val"):
        model.train(phase == "train")
        meter, hits = AverageMeter(), 0
        for data, target in loaders[phase]:
            data, target = data.to(device, non_blocking=True), target.to(device)
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                out = model(data)
                loss = criterion(out, target)
                if phase == "train":
                    loss.backward()
                    optimizer.step()
            meter.update(loss.item(), data.size(0))
            hits += ((out > 0) == target.bool()).sum().item()
        acc = hits / len(loaders[phase].dataset)
        history[phase].append(round(meter.avg, 4))
        print(f"{epoch:02d} {phase:<5} loss {meter.avg:.4f} acc {acc:.3f} lr {optimizer.param_groups[0]['lr']:.4f}")
    scheduler.step()
print(json.dumps(history), optimizer)
ck = {"epoch": epoch, "model": model.state_dict(), "opt": optimizer.state_dict()}
print(sorted(ck["opt"]), ck["opt"]["param_groups"][0]["lr"], list(ck["opt"]["state"][0]))
