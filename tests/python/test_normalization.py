"""Dropout, embedding, normalisation and attention, beside PyTorch."""

import pytest
from both import compare

# One expression a line; "!" before those whose node has another name in PyTorch.
EXPRESSIONS = """
!F.dropout(randn(3,4),0.0)
F.dropout(leaf(3,4),1.0)
F.dropout(leaf(3,4),0.5,False)
F.dropout(randn(3,2),1.5)
F.dropout(arange(3),0.5)
F.embedding(tensor([[0,2],[1,2]]),leaf(4,3))
F.embedding(tensor([0,2,1]),leaf(4,3),padding_idx=-2)
F.embedding(tensor([0,2,0]),leaf(4,3),scale_grad_by_freq=True)
F.embedding(tensor(1),leaf(4,3))
F.embedding(zeros(0,dtype=int64),leaf(4,3))
F.embedding(tensor([0,5]),randn(3,2))
F.embedding(tensor([0.]),randn(3,2))
F.embedding(tensor([0]),randn(3))
F.embedding(tensor([0,2,1]),randn(4,3),padding_idx=7)
F.layer_norm(leaf(3,4),(4,))
F.layer_norm(leaf(2,3,4),(3,4),leaf(3,4),leaf(3,4),eps=0.1)
layer_norm(leaf(2,3,4),(4,),leaf(4))
F.layer_norm(randn(3,2),(3,))
F.layer_norm(randn(3,2),(2,),randn(3))
F.layer_norm(randn(3,2),())
F.layer_norm(randn(3,2).half(),(2,))
F.batch_norm(leaf(5,3),None,None,training=True)
F.batch_norm(leaf(5,3,2),zeros(3).double(),ones(3).double(),leaf(3),leaf(3),training=True)
!F.batch_norm(leaf(5,3),randn(3).double(),rand(3).double(),leaf(3),leaf(3),eps=0.1)
F.batch_norm(randn(1,2),None,None,training=True)
F.batch_norm(randn(3,2),zeros(3),ones(3))
F.scaled_dot_product_attention(leaf(2,3,4),leaf(2,5,4),leaf(2,5,6))
F.scaled_dot_product_attention(leaf(2,3,4),leaf(2,3,4),leaf(2,3,4),is_causal=True)
!F.scaled_dot_product_attention(leaf(3,4),leaf(3,4),leaf(3,4),attn_mask=randn(3,3)>0,scale=0.3)
F.scaled_dot_product_attention(leaf(2,3,4),leaf(2,3,4),leaf(2,3,4),attn_mask=randn(3,3).double())
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", EXPRESSIONS.strip().split("\n"))
def test_same_as_pytorch(torch, text):
    compare(torch, text.lstrip("!"), node=not text.startswith("!"))
