import torch
from torch.utils.data import *


class Num(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return {"x": torch.tensor([i, i * i], dtype=torch.float), "y": i % 2, "name": f"s{i}"}


torch.manual_seed(0)
ds = Num(10)
tr, va = random_split(ds, [7, 3], generator=torch.Generator().manual_seed(42))
print(len(tr), len(va), tr.indices, va[0])
for b in DataLoader(tr, batch_size=3, shuffle=True, drop_last=False):
    print(b)
print(len(DataLoader(tr, 3)), len(DataLoader(tr, 3, drop_last=True)))


def collate(batch):
    xs = [torch.arange(s["y"] + 1) for s in batch]
    m = max(map(len, xs))
    out = torch.zeros(len(xs), m, dtype=torch.long)
    for i, x in enumerate(xs):
        out[i, : len(x)] = x
    return out, torch.tensor([len(x) for x in xs])


print(next(iter(DataLoader(ds, batch_size=4, collate_fn=collate))))
s = WeightedRandomSampler([0.1, 0.9], 6)
print(list(s))
print(list(BatchSampler(SequentialSampler(range(7)), 3, False)), list(SubsetRandomSampler([1, 3, 5])))


class It(IterableDataset):
    def __iter__(self):
        return iter(range(5))


print(
    [b for b in DataLoader(It(), batch_size=2)],
    ConcatDataset([[1, 2], [3]])[2],
    Subset(ds, [4])[0]["name"],
    len(ds + ds),
)
for epoch in range(2):
    for i, (x, y) in enumerate(
        DataLoader(TensorDataset(torch.arange(5), torch.arange(5) * 2), batch_size=2, shuffle=True)
    ):
        print(epoch, i, x, y)
print(torch.utils.data.default_collate([(1, 2.0), (3, 4.0)]), next(iter(DataLoader([[1, 2], [3, 4]], batch_size=2))))
it = iter(DataLoader(range(4), batch_size=2, num_workers=0, pin_memory=False))
print(next(it), next(it))
print(next(it, "end"))
