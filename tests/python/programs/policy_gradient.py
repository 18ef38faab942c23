import torch
from torch import nn
from torch.distributions import Categorical, Normal

torch.manual_seed(0)


class Corridor:
    """Five steps to the right end it; every step costs."""

    def reset(self):
        self.place, self.time = 0, 0
        return torch.tensor([0.0, 5.0])

    def step(self, action):
        self.place += 1 if action == 1 else -1
        self.time += 1
        done = self.place >= 5 or self.time >= 25
        return torch.tensor([self.place, 5.0 - self.place]), 1.0 if self.place >= 5 else -0.1, done


policy = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=0.02)
for episode in range(8):
    done, log_probs, rewards = False, [], []
    corridor = Corridor()
    state = corridor.reset()
    while not done:
        choice = Categorical(logits=policy(state))
        action = choice.sample()
        log_probs.append(choice.log_prob(action))
        state, reward, done = corridor.step(action.item())
        rewards.append(reward)
    returns = torch.tensor(rewards).flip(0).cumsum(0).flip(0)
    returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    loss = -(torch.stack(log_probs) * returns).sum() - 0.01 * choice.entropy()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{episode}: {len(rewards):2d} steps, loss {loss.item():.3f}, {choice}")

mean, log_std = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
optimizer = torch.optim.SGD([mean, log_std], lr=0.05)
target = torch.tensor([1.0, -2.0])
for _ in range(50):
    draws = Normal(mean, log_std.exp()).rsample((16,))
    loss = ((draws - target) ** 2).mean() - 0.01 * Normal(mean, log_std.exp()).entropy().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(mean.detach(), log_std.detach().exp(), f"{loss.item():.3f}")
print(torch.distributions.kl_divergence(Normal(mean, log_std.exp()), Normal(0.0, 1.0)).sum())
