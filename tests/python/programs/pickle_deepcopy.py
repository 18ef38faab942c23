import copy
import pickle

import torch
from torch import nn

torch.manual_seed(0)
m = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.2))
m2 = pickle.loads(pickle.dumps(m))
m3 = copy.deepcopy(m)
x = torch.ones(4, 2)
m.eval()
m2.eval()
m3.eval()
print(torch.equal(m(x), m2(x)), torch.equal(m(x), m3(x)), m2)
sd = pickle.loads(pickle.dumps(m.state_dict()))
print(type(sd).__name__, list(sd), sd["1.num_batches_tracked"])
t = torch.arange(6).view(2, 3).t()
u = pickle.loads(pickle.dumps(t))
print(u, u.stride(), copy.copy(t).data_ptr() == t.data_ptr(), copy.deepcopy(t).data_ptr() == t.data_ptr())
p = nn.Parameter(torch.ones(2))
q = copy.deepcopy(p)
print(q, q.requires_grad, type(q).__name__)
opt = torch.optim.Adam(m.parameters())
m.train()
m(x).sum().backward()
opt.step()
o2 = torch.optim.Adam(m.parameters())
o2.load_state_dict(copy.deepcopy(opt.state_dict()))
print(o2.state_dict()["state"][0]["step"], o2.state_dict()["param_groups"][0]["params"])
print(
    copy.deepcopy([t, t])[0] is copy.deepcopy([t, t])[1],
    pickle.loads(pickle.dumps(torch.float16)),
    pickle.loads(pickle.dumps(torch.Size([2, 3]))),
)
