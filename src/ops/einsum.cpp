// Sums of products over named dims: einsum and what is written with it.

#include <rushlight/operators.h>

#include "ops/op.h"

#include <algorithm>
#include <cmath>

namespace rushlight {

namespace {

constexpr int kEllipsis = 52;  // the label of the first dim of '...'; letters are 0 to 51
constexpr int kLabels = kEllipsis + 64;

using Labels = std::vector<int>;

int label_of(char c) { return c >= 'a' ? c - 'a' + 26 : c - 'A'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char letter_of(int label) { return char(label < 26 ? 'A' + label : 'a' + label - 26); }

/// One operand's labels; the place of its '...' or -1.
struct Subscripts {
  Labels labels;
  int64_t ellipsis = -1;
};

/// An einsum equation taken apart.
struct Equation {
  std::vector<Subscripts> inputs;
  Subscripts output;
  bool has_output = false;

  explicit Equation(std::string_view text) {
    inputs.emplace_back();
    Subscripts* current = &inputs.back();
    for (size_t i = 0; i < text.size(); ++i) {
      char c = text[i];
      if (c == ' ') continue;
      if (c == ',' && !has_output) {
        inputs.emplace_back();
        current = &inputs.back();
      } else if (c == '-' && !has_output) {
        check(i + 1 < text.size() && text[i + 1] == '>', "einsum(): expected '->' but found '",
              text.substr(i), "'");
        ++i;
        has_output = true;
        current = &output;
      } else if (c == '.') {
        std::string where =
            has_output ? "the output" : "operand " + std::to_string(inputs.size() - 1);
        check(text.substr(i, 3) == "...", "einsum(): found '.' for ", where,
              " that is not part of any ellipsis");
        check(current->ellipsis < 0, "einsum(): found '.' for ", where,
              " for which an ellipsis was already found");
        current->ellipsis = int64_t(current->labels.size());
        i += 2;
      } else {
        check(is_letter(c), "einsum(): invalid subscript given at index ", int64_t(i),
              " in the equation string, subscripts must be in [a-zA-Z]");
        current->labels.push_back(label_of(c));
      }
    }
  }
};

/// A tensor with a label for each of its dims.
struct Labelled {
  Tensor tensor;
  Labels labels;

  int64_t find(int label) const {
    auto found = std::find(labels.begin(), labels.end(), label);
    return found == labels.end() ? -1 : found - labels.begin();
  }
  bool has(int label) const { return find(label) >= 0; }
  int64_t size(int label) const { return tensor.size(find(label)); }

  void sum_out(const Labels& gone) {
    Dims dims;
    Labels kept;
    for (size_t i = 0; i < labels.size(); ++i) {
      if (std::find(gone.begin(), gone.end(), labels[i]) != gone.end())
        dims.push_back(int64_t(i));
      else
        kept.push_back(labels[i]);
    }
    if (dims.empty()) return;
    tensor = tensor.sum(Ints(dims));
    labels = kept;
  }
  void drop(int label) {
    int64_t dim = find(label);
    tensor = tensor.squeeze(dim);
    labels.erase(labels.begin() + dim);
  }
  /// The dims in the order of `wanted`, which names all of them.
  Tensor permuted(const Labels& wanted) const {
    Dims dims;
    for (int label : wanted) dims.push_back(find(label));
    return tensor.permute(dims);
  }
  Tensor ordered(const Labels& wanted) const {
    return wanted == labels ? tensor : permuted(wanted);
  }
};

Labels joined(std::initializer_list<const Labels*> lists) {
  Labels all;
  for (const Labels* list : lists) all.insert(all.end(), list->begin(), list->end());
  return all;
}

/// The product where nothing is summed: both operands broadcast to (batch, left, right).
Labelled elementwise(const Labelled& a, const Labelled& b, const Labels& batch, const Labels& left,
                     const Labels& right) {
  Tensor first = a.ordered(joined({&batch, &left})), second = b.ordered(joined({&batch, &right}));
  for (size_t i = 0; i < right.size(); ++i) first = first.unsqueeze(-1);
  for (size_t i = 0; i < left.size(); ++i) second = second.unsqueeze(int64_t(batch.size()));
  return {first * second, joined({&batch, &left, &right})};
}

/// The product of two operands, summed over the labels that are not `kept`.
Labelled contract(Labelled a, Labelled b, const std::vector<bool>& kept) {
  for (int label : Labels(a.labels)) {
    if (!b.has(label) || a.size(label) == b.size(label)) continue;
    if (a.size(label) == 1)
      a.drop(label);
    else
      b.drop(label);
  }
  auto sum_alone = [&](Labelled& one, const Labelled& other) {
    Labels gone;
    for (int label : one.labels) {
      if (!other.has(label) && !kept[size_t(label)]) gone.push_back(label);
    }
    one.sum_out(gone);
  };
  sum_alone(a, b);
  sum_alone(b, a);
  Labels batch, summed, left, right;
  for (int label : a.labels) {
    (!b.has(label) ? left : kept[size_t(label)] ? batch : summed).push_back(label);
  }
  for (int label : b.labels) {
    if (!a.has(label)) right.push_back(label);
  }
  auto count = [](const Labelled& of, const Labels& labels) {
    int64_t product = 1;
    for (int label : labels) product *= of.size(label);
    return product;
  };
  if (summed.empty()) return elementwise(a, b, batch, left, right);
  int64_t batches = count(a, batch), inner = count(a, summed);
  Tensor first =
      a.ordered(joined({&batch, &left, &summed})).reshape({batches, count(a, left), inner});
  Tensor second =
      b.ordered(joined({&batch, &summed, &right})).reshape({batches, inner, count(b, right)});
  Labelled result{Tensor(), joined({&batch, &left, &right})};
  Dims shape;
  for (int label : result.labels) shape.push_back(a.has(label) ? a.size(label) : b.size(label));
  result.tensor = first.bmm(second).reshape(shape);
  return result;
}

/// Labels every dim of an operand; repeated labels become the diagonal.
Labelled label_operand(const Tensor& tensor, const Subscripts& subscripts, size_t number,
                       int64_t ellipsis_dims) {
  int64_t named = int64_t(subscripts.labels.size()), dims = tensor.dim();
  check(subscripts.ellipsis >= 0 ? named <= dims : named == dims,
        "einsum(): the number of subscripts in the equation (", named, ")",
        subscripts.ellipsis >= 0 ? " is more than the number of dimensions ("
                                 : " does not match the number of dimensions (",
        dims, ") for operand ", int64_t(number),
        subscripts.ellipsis >= 0 ? "" : " and no ellipsis was given");
  Labels labels;
  for (int64_t i = 0; i <= named; ++i) {
    if (i == subscripts.ellipsis) {
      int64_t own = dims - named;
      for (int64_t k = 0; k < own; ++k) labels.push_back(int(kEllipsis + ellipsis_dims - own + k));
    }
    if (i < named) labels.push_back(subscripts.labels[size_t(i)]);
  }
  Labelled result{tensor, {}};
  for (int64_t i = 0, dim = 0; i < dims; ++i, ++dim) {
    int label = labels[size_t(i)];
    int64_t before = result.find(label);
    if (before < 0) {
      result.labels.push_back(label);
      continue;
    }
    check(result.tensor.size(before) == result.tensor.size(dim), "einsum(): subscript ",
          letter_of(label), " is repeated for operand ", int64_t(number),
          " but the sizes don't match, ", result.tensor.size(dim),
          " != ", result.tensor.size(before));
    Dims shape(result.tensor.shape()), strides(result.tensor.strides());
    strides[size_t(before)] += strides[size_t(dim)];
    shape.erase(size_t(dim));
    strides.erase(size_t(dim));
    result.tensor = result.tensor.as_strided(shape, strides);
    --dim;
  }
  return result;
}

Tensor sum_products(std::string_view text, Tensors operands) {
  check(!operands.empty(), "einsum(): must provide at least one operand");
  Equation equation(text);
  check(operands.size() <= equation.inputs.size(),
        "einsum(): more operands were provided than specified in the equation");
  check(operands.size() == equation.inputs.size(),
        "einsum(): fewer operands were provided than specified in the equation");
  int64_t ellipsis_dims = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (equation.inputs[i].ellipsis < 0) continue;
    ellipsis_dims =
        std::max(ellipsis_dims, operands[i].dim() - int64_t(equation.inputs[i].labels.size()));
  }
  std::vector<Labelled> inputs;
  std::vector<int64_t> sizes(kLabels, 1);
  std::vector<int> uses(kLabels, 0);
  for (size_t i = 0; i < operands.size(); ++i) {
    for (int label : equation.inputs[i].labels) ++uses[size_t(label)];
    inputs.push_back(label_operand(operands[i], equation.inputs[i], i, ellipsis_dims));
    for (int label : inputs.back().labels) {
      int64_t size = inputs.back().size(label);
      int64_t& seen = sizes[size_t(label)];
      if (label < kEllipsis) {
        check(size == seen || size == 1 || seen == 1, "einsum(): subscript ", letter_of(label),
              " has size ", size, " for operand ", int64_t(i),
              " which does not broadcast with previously seen size ", seen);
      }
      if (size != 1) seen = size;
    }
  }
  // The output: what is given, or the labels used once in the order of the alphabet.
  Labels output;
  auto add_ellipsis = [&] {
    for (int64_t k = 0; k < ellipsis_dims; ++k) output.push_back(int(kEllipsis + k));
  };
  if (!equation.has_output) {
    add_ellipsis();
    for (int label = 0; label < kEllipsis; ++label) {
      if (uses[size_t(label)] == 1) output.push_back(label);
    }
  } else {
    for (int64_t i = 0; i <= int64_t(equation.output.labels.size()); ++i) {
      if (i == equation.output.ellipsis) add_ellipsis();
      if (i == int64_t(equation.output.labels.size())) break;
      int label = equation.output.labels[size_t(i)];
      check(std::find(output.begin(), output.end(), label) == output.end(),
            "einsum(): output subscript ", letter_of(label),
            " appears more than once in the output");
      check(uses[size_t(label)] > 0, "einsum(): output subscript ", letter_of(label),
            " does not appear in the equation for any input operand");
      output.push_back(label);
    }
  }
  // Left to right; a label is summed as soon as nothing later names it.
  Labelled result = inputs[0];
  auto kept_after = [&](size_t next) {
    std::vector<bool> kept(kLabels, false);
    for (int label : output) kept[size_t(label)] = true;
    for (size_t i = next; i < inputs.size(); ++i) {
      for (int label : inputs[i].labels) kept[size_t(label)] = true;
    }
    return kept;
  };
  for (size_t i = 1; i < inputs.size(); ++i)
    result = contract(result, inputs[i], kept_after(i + 1));
  Labels gone;
  for (int label : result.labels) {
    if (std::find(output.begin(), output.end(), label) == output.end()) gone.push_back(label);
  }
  result.sum_out(gone);
  bool summed = false;
  for (const Labelled& input : inputs) {
    for (int label : input.labels) summed |= !std::count(output.begin(), output.end(), label);
  }
  if (operands.size() == 1 && !summed) return result.permuted(output);  // not the operand itself
  // As PyTorch's, the result of a contraction is a view.
  Tensor ordered = result.ordered(output);
  return operands.size() > 1 && summed ? ordered.view(ordered.shape()) : ordered;
}

Tensor contract_dims(const Tensor& left, const Tensor& right, Ints a_given, Ints b_given) {
  Tensor a = left, b = right;
  check(a_given.size() == b_given.size(), "both dimension lists should have same length");
  Dims a_flags = wrap_dims(a_given, a.dim(), false), b_flags = wrap_dims(b_given, b.dim(), false);
  Dims a_order, b_order, shape;
  int64_t inner = 1, rows = 1, columns = 1;
  for (int64_t i = 0; i < a.dim(); ++i) {
    if (a_flags[size_t(i)]) continue;
    a_order.push_back(i);
    shape.push_back(a.size(i));
    rows *= a.size(i);
  }
  for (size_t i = 0; i < a_given.size(); ++i) {
    int64_t first = a.size(a_given[i]), second = b.size(b_given[i]);
    // One element stands for as many as the other has.
    if (first == 1 && second != 1) b = b.sum(Ints(b_given[i]), true, b.dtype()), second = 1;
    if (second == 1 && first != 1) a = a.sum(Ints(a_given[i]), true, a.dtype()), first = 1;
    check(first == second, "contracted dimensions need to match, but first has size ", first,
          " in dim ", a_given[i], " and second has size ", second, " in dim ", b_given[i]);
    a_order.push_back(wrap_dim(a_given[i], a.dim()));
    b_order.push_back(wrap_dim(b_given[i], b.dim()));
    inner *= first;
  }
  for (int64_t i = 0; i < b.dim(); ++i) {
    if (b_flags[size_t(i)]) continue;
    b_order.push_back(i);
    shape.push_back(b.size(i));
    columns *= b.size(i);
  }
  Tensor product =
      a.permute(a_order).reshape({rows, inner}).mm(b.permute(b_order).reshape({inner, columns}));
  return product.view(shape);
}

}  // namespace

constinit const Op op::einsum = {
    .schema = "einsum(str equation, Tensor[] operands) -> Tensor",
    .doc =
        "Sums of products by labelled dims: 'ij,jk->ik' is a matrix product, 'ii->i' a diagonal; "
        "'...' stands for dims that broadcast.",
    .examples =
        "einsum('ij,jk->ik', randn(2, 3), randn(3, 4))\n"
        "einsum('bij,bjk->bik', randn(2, 3, 4), randn(2, 4, 5))\n"
        "einsum('ii->i', randn(3, 3))\n"
        "einsum('...ij->...ji', randn(2, 3, 4))\n"
        "einsum('i,j', randn(3), randn(4))\n"
        "einsum('bn,anm,bm->ba', randn(2, 3), randn(4, 3, 5), randn(2, 5))",
    .variants = "varargs, function-only",
    .compose = run<sum_products>(),
};

constinit const Op op::tensordot = {
    .schema = "tensordot(Tensor input, Tensor other, int[] dims_self, int[] dims_other) -> Tensor",
    .doc = "The sum of products over pairs of dims; the others follow, those of `input` first.",
    .examples =
        "tensordot(randn(2, 3), randn(3, 4), ([1], [0]))\n"
        "tensordot(randn(2, 3, 4), randn(3, 4, 2), dims=2)",
    .variants = "function-only",
    .compose = run<contract_dims>(),
};

constinit const Op op::inner = {
    .schema = "inner(Tensor input, Tensor other) -> Tensor",
    .doc = "The sum of products over the last dims.",
    .examples =
        "inner(randn(3), randn(3))\ninner(randn(2, 3), randn(4, 3))\ninner(randn(2), tensor(3.0))",
    .compose = run([](const Tensor& a, const Tensor& b) {
      if (a.dim() == 0 || b.dim() == 0) return a * b;
      check(a.size(-1) == b.size(-1),
            "inner() the last dimension must match on both input tensors but got shapes ",
            to_string(a.shape()), " and ", to_string(b.shape()));
      return contract_dims(a, b, Ints{-1}, Ints{-1});
    }),
};

constinit const Op op::outer = {
    .schema = "outer(Tensor input, Tensor vec2) -> Tensor",
    .doc = "The products of all pairs of elements of two vectors.",
    .examples = "outer(randn(3), randn(4))",
    .compose = run([](const Tensor& a, const Tensor& b) {
      check(a.dim() == 1, "outer: Expected 1-D argument self, but got ", a.dim(), "-D");
      check(b.dim() == 1, "outer: Expected 1-D argument vec2, but got ", b.dim(), "-D");
      return a.reshape({a.numel(), 1}) * b;
    }),
};

constinit const Op op::ger = {
    .schema = "ger(Tensor input, Tensor vec2) -> Tensor",
    .doc = "Another name of `outer`.",
    .examples = "ger(randn(3), randn(4))",
    .compose = run([](const Tensor& a, const Tensor& b) { return a.outer(b); }),
};

constinit const Op op::addr = {
    .schema =
        "addr(Tensor input, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    .doc = "`beta * input + alpha * outer(vec1, vec2)`.",
    .examples = "addr(randn(3, 4), randn(3), randn(4), beta=0.5, alpha=2)",
    .variants = "in-place",
    .forward = run([](const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta,
                      const Scalar& alpha) {
      check(a.dim() == 1, "addr: Expected 1-D argument vec1, but got ", a.dim(), "-D");
      check(b.dim() == 1, "addr: Expected 1-D argument vec2, but got ", b.dim(), "-D");
      bool floats = is_floating(input.dtype()) || is_floating(a.dtype()) || is_floating(b.dtype());
      check(floats || !beta.is_float(),
            "For integral input tensors, argument beta must not be a floating point number.");
      check(floats || !alpha.is_float(),
            "For integral input tensors, argument alpha must not be a floating point number.");
      Tensor start = input.expand({a.numel(), b.numel()});
      Tensor product = a.outer(b);
      if (!(alpha == 1)) product = product * alpha;
      // Numbers do not promote bool here.
      DType dtype = promote(input.dtype(), promote(a.dtype(), b.dtype()));
      if (beta == 0) return product.to(dtype);
      return ((beta == 1 ? start : start * beta) + product).to(dtype);
    }),
    .save = "vec1 for vec2, vec2 for vec1",
    .backward =
        [](Backward& b) {
          Scalar alpha = b.scalar("alpha");
          b.wrt("input", [&] { return b.grad() * b.scalar("beta"); });
          b.wrt("vec1", [&] { return b.grad().mv(b.saved("vec2")) * alpha; });
          b.wrt("vec2", [&] { return b.grad().t().mv(b.saved("vec1")) * alpha; });
        },
};

constinit const Op op::kron = {
    .schema = "kron(Tensor input, Tensor other) -> Tensor",
    .doc = "The Kronecker product: `other` in the place of each element, times it.",
    .examples = "kron(randn(2, 3), randn(3, 2))\nkron(randn(2), randn(2, 3))",
    .compose = run([](const Tensor& a, const Tensor& b) {
      int64_t dims = std::max(a.dim(), b.dim());
      Dims a_shape, b_shape, shape;
      for (int64_t i = 0; i < dims; ++i) {
        auto size = [&](const Tensor& of) {
          int64_t own = i - (dims - of.dim());
          return own < 0 ? 1 : of.size(own);
        };
        a_shape.push_back(size(a));
        a_shape.push_back(1);
        b_shape.push_back(1);
        b_shape.push_back(size(b));
        shape.push_back(size(a) * size(b));
      }
      Tensor product = (a.reshape(a_shape) * b.reshape(b_shape)).contiguous();
      return rushlight::_unsafe_view(product, shape);
    }),
};

constinit const Op op::bilinear = {
    .schema = "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor",
    .doc = "sum over i, j of input1[…, i] weight[o, i, j] input2[…, j], plus bias[o].",
    .examples = "F.bilinear(randn(2, 3), randn(2, 4), randn(5, 3, 4), randn(5))",
    .variants = "function-only, also-nn",
    .compose = run(
        [](const Tensor& first, const Tensor& second, const Tensor& weight, const Tensor& bias) {
          check(first.dim() == second.dim(), "bilinear(): input dimensions do not match: got ",
                first.dim(), " and ", second.dim());
          for (int64_t i = 0; i + 1 < first.dim(); ++i) {
            check(first.size(i) == second.size(i),
                  "bilinear(): input batch dimensions do not match at dim ", i, ": got ",
                  first.size(i), " and ", second.size(i));
          }
          check(weight.dim() == 3, "bilinear(): weight must be 3-D (out, in1, in2), got ",
                to_string(weight.shape()));
          check(first.size(-1) == weight.size(1),
                "bilinear(): input1 size does not match weight size: got ", first.size(-1),
                " but expected ", weight.size(1));
          check(second.size(-1) == weight.size(2),
                "bilinear(): input2 size does not match weight size: got ", second.size(-1),
                " but expected ", weight.size(2));
          check(!bias.defined() || bias.size(0) == weight.size(0),
                "bilinear(): bias size does not match weight size: got ",
                bias.defined() ? bias.size(0) : 0, " but expected ", weight.size(0));
          // (…, o * in2) of the first input, then the second weighs each row.
          int64_t out = weight.size(0), in1 = weight.size(1), in2 = weight.size(2);
          Tensor by_first = first.matmul(weight.permute({1, 0, 2}).reshape({in1, out * in2}));
          Dims shape(first.shape());
          shape.back() = out;
          shape.push_back(in2);
          Tensor result =
              (by_first.reshape(shape) * second.unsqueeze(-2)).sum(Ints{-1}).to(first.dtype());
          return bias.defined() ? result + bias : result;
        }),
};

}  // namespace rushlight
