"""x[...] and x[...] = v, beside PyTorch."""

import warnings

import pytest
import rushlight
from both import compare, outcome

# Each line on x = arange(12.) in (3, 4), y = zeros(2, 3, 4), s = tensor(1.), i = tensor([0, 2]) and the mask b = x > 5.
LINES = r"""
x[5]
x[0,9]
x[-4]
s[0]
s[:]
s[...]
s[None]
s[True]
x[::-1]
x[::0]
x[0,0,0]
x[i,i,i]
x[b,0]
x[:,:3].view(torch.float64)
x[:,1:3].view(torch.float64)
x[i,i]
x[torch.tensor([0,3])]
x[torch.tensor([0,-4])]
x[:,torch.tensor([0,9])]
x[torch.tensor([0.,1.])]
x[torch.tensor([0,1],dtype=torch.int32)]
x[torch.tensor([0,1],dtype=torch.int16)]
x[torch.tensor([0,1,1],dtype=torch.uint8)]
x[torch.tensor([0,1],dtype=torch.int8)]
x[torch.tensor([True,False])]
x[:,torch.tensor([True,False])]
x[b[:,:2]]
x[b.T]
y[b]
x[torch.tensor([0,1]),torch.tensor([0,1,2])]
x[torch.tensor(1.)]
x[torch.tensor(1,dtype=torch.uint8)]
x[True,False].shape
x[None,True].shape
x[...,...]
x[0,...,0,...]
x[...,0,0,0]
x[b]=torch.zeros(2)
x[b]=1
x[b]=torch.tensor([1,2,3,4,5,6])
x[i]=torch.zeros(3)
x[i]=torch.zeros(2,4).double()
x[i]=torch.zeros(1,1,4)
x[0]=torch.zeros(3)
x[0]=torch.zeros(1,1,4)
x[0]=torch.zeros(2,4)
x[0,0]=torch.zeros(2)
x[5]=1
x[:,5]=1
x[False]=1
x[True]=1
x[...]=5
x[None]=torch.arange(4.)
x[1:,0]=torch.arange(2).double()
s[0]=1
x[0]=x[0][1]
x[:]=x[0]
x[1:]=x[:-1]
x[:,0]=x[0,0]
s[...]=3
x[torch.tensor(0)]=7
x[1.5]
y.permute(2,0,1)[i].stride()
y.permute(2,0,1)[:,i].stride()
x.T[i].stride()
"""

# Gradients and the names of nodes.
EXPRESSIONS = """
leaf(3,4)[0]
leaf(3,4)[1:]
leaf(3,4)[:,0]
leaf(3,4)[0,1:3]
leaf(3,4)[tensor([0,2])]
leaf(3,4)[...]
leaf(3,4)[None]
leaf(3,4)[:]
leaf(3,4)[True]
leaf(3,4)[tensor(1)]
leaf(3,4)[tensor(True)]
leaf(3,4)[:,tensor([0,2])]
leaf(3,4)[0,tensor([0,2])]
leaf(3,4)[tensor([0,2]),1:]
leaf(3,4)[1:,tensor([0,2])]
leaf(3,4)[[0,1]]
leaf(3,4)[randn(3,4)>0]
leaf(2,3,4)[:,tensor([0,2,0]),1:]
leaf(2,3,4)[tensor([0,1]),:,tensor([[0],[3]])]
leaf(2,3,4)[None,...,tensor([1,1])]
leaf(3,4).index_put((tensor([0,0]),tensor([1,1])),leaf(2),accumulate=True)
leaf(3,4).index_put((tensor([0,2]),),leaf(4))
"""


@pytest.mark.parametrize("line", LINES.strip().split("\n"))
def test_gives_what_pytorch_gives(torch, line):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert outcome(rushlight, line) == outcome(torch, line)


@pytest.mark.parametrize("text", EXPRESSIONS.strip().split("\n"))
def test_gradients_and_nodes(torch, text):
    compare(torch, text)
