"""Learns to read handwritten digits: a network of three layers, trained by gradient descent.

python -m rushlight examples/digits.py      (or, with PyTorch: python examples/digits.py)
"""

import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

DATA = Path(__file__).parent / "data" / "digits.bin"


def read_digits():
    """The 1,797 images, as rows of 64 pixels from 0 (paper) to 16 (ink), and what they show."""
    halves = (half for byte in DATA.read_bytes() for half in (byte >> 4, byte & 15))
    numbers = [half if half < 15 else 15 + next(halves) for half in halves][: 1797 * 65]
    rows = torch.tensor(numbers).reshape(1797, 65)
    return rows[:, :64].float(), rows[:, 64]


class Digits(Dataset):
    """Images and labels; sample i is the pair of the i-th of each."""

    def __init__(self):
        self.images, self.labels = read_digits()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


def accuracy(model, images, labels):
    with torch.no_grad():
        return (model(images).argmax(dim=1) == labels).float().mean().item()


def show(images, predictions):
    """Draws images side by side, with the prediction below each."""
    for row in range(8):
        pixels = [images[i, 8 * row : 8 * row + 8].long().tolist() for i in range(len(images))]
        print("   ".join("".join(" .:-=+*#%@"[ink * 9 // 16] * 2 for ink in line) for line in pixels).rstrip())
    print("   ".join(f"read as {digit}".ljust(16) for digit in predictions.tolist()).rstrip())


# The data: most of it to learn from, the rest to see what was learnt.
digits = Digits()
train, test = random_split(digits, [1437, 360], generator=torch.Generator().manual_seed(1))

# Pixels are scaled to mean 0 and deviation 1, as seen in the training images.
seen = digits.images[train.indices]
mean, deviation = seen.mean(), seen.std()
test_images = (digits.images[test.indices] - mean) / deviation
test_labels = digits.labels[test.indices]

# The network and how it learns.
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
loader = DataLoader(train, batch_size=32, shuffle=True)
print(model)

start = time.perf_counter()
for epoch in range(1, 21):
    total = 0.0
    for images, labels in loader:
        loss = loss_function(model((images - mean) / deviation), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    correct = accuracy(model, test_images, test_labels)
    print(f"epoch {epoch:2d}   loss {total / len(train):.12f}   test accuracy {100 * correct:.2f} %")
seconds = time.perf_counter() - start

print("\nSome images it has not seen before:\n")
with torch.no_grad():
    predictions = model(test_images[:4]).argmax(dim=1)
show(digits.images[test.indices[:4]], predictions)
print(
    f"\n{100 * accuracy(model, test_images, test_labels):.2f} % of {len(test)} read correctly, "
    f"after {seconds:.2f} seconds of training."
)
