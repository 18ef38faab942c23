// Text of a tensor. Read from the end: format_tensor() gathers the elements that will be shown,
// Column formats them, Brackets arranges them in brackets and lines, Suffixes adds the rest.

#include <rushlight/print.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <mutex>

#include "autograd/dual.h"

namespace rushlight {

namespace {

std::mutex g_mutex;
PrintOptions g_options;

/// The elements to show, copied in row-major order. Of summarised dims only both edges are there.
struct Shown {
  Dims shape;   ///< of what is shown
  Dims elided;  ///< 1 for the dims of which the middle is left out
  bool floating = false;
  std::vector<double> reals;
  std::vector<int64_t> integers;
};

template <class T>
void gather(const Tensor& tensor, size_t dim, const T* data, Shown& shown) {
  if (dim == shown.shape.size()) {
    if constexpr (std::is_integral_v<T>)
      shown.integers.push_back(int64_t(*data));
    else
      shown.reals.push_back(double(*data));
    return;
  }
  int64_t count = shown.shape[dim], skipped = tensor.shape()[dim] - count;
  for (int64_t i = 0; i < count; ++i) {
    bool behind = shown.elided[dim] && i >= count / 2;
    gather(tensor, dim + 1, data + (behind ? i + skipped : i) * tensor.strides()[dim], shown);
  }
}

Shown shown_elements(const Tensor& tensor, const PrintOptions& options) {
  Shown shown;
  shown.floating = is_floating(tensor.dtype());
  bool summarise = double(tensor.numel()) > options.threshold;
  for (int64_t size : tensor.shape()) {
    bool elide = summarise && size > 2 * options.edgeitems;
    shown.elided.push_back(elide);
    shown.shape.push_back(elide ? 2 * options.edgeitems : size);
  }
  dispatch(tensor.dtype(),
           [&]<class T>(CppType<T>) { gather(tensor, 0, tensor.data<T>(), shown); });
  return shown;
}

/// All elements as text, padded to a common width.
class Column {
 public:
  Column(const Shown& shown, const PrintOptions& options, bool boolean) : options_(options) {
    if (shown.floating) {
      choose_mode(shown.reals);
      buffer_.resize(350 + size_t(options.precision));
      for (double value : shown.reals) add(format(value), value != 0 && std::isfinite(value));
    } else if (boolean) {
      for (int64_t value : shown.integers) add(value ? "True" : "False", true);
    } else {
      buffer_.resize(24);
      for (int64_t value : shown.integers) {
        char* end = std::to_chars(buffer_.data(), buffer_.data() + buffer_.size(), value).ptr;
        add({buffer_.data(), end}, true);
      }
    }
  }

  int64_t width() const { return width_; }
  void append(size_t element, std::string& text) const {
    size_t begin = element == 0 ? 0 : ends_[element - 1];
    size_t length = ends_[element] - begin;
    if (length < size_t(width_)) text.append(size_t(width_) - length, ' ');
    text.append(texts_, begin, length);
  }

 private:
  /// Scientific notation where a fixed number of digits would hide or sprawl; integers alone lose
  /// their zeros: [1., 20.].
  void choose_mode(const std::vector<double>& values) {
    double least = std::numeric_limits<double>::infinity(), largest = 0;
    for (double value : values) {
      if (value == 0 || !std::isfinite(value)) continue;
      least = std::min(least, std::abs(value));
      largest = std::max(largest, std::abs(value));
      whole_ = whole_ && value == std::ceil(value);
    }
    if (largest == 0) return;
    scientific_ =
        options_.sci_mode.value_or(largest / least > 1000.0 || largest > 1.0e8 || least < 1.0e-4);
  }

  std::string_view format(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    bool bare = whole_ && !scientific_;
    char* begin = buffer_.data();
    char* end =
        std::to_chars(begin, begin + buffer_.size() - 1, value,
                      scientific_ ? std::chars_format::scientific : std::chars_format::fixed,
                      bare ? 0 : int(options_.precision))
            .ptr;
    if (bare) *end++ = '.';
    return {begin, end};
  }

  void add(std::string_view text, bool widens) {
    texts_ += text;
    ends_.push_back(texts_.size());
    if (widens) width_ = std::max(width_, int64_t(text.size()));
  }

  const PrintOptions& options_;
  bool whole_ = true, scientific_ = false;
  int64_t width_ = 1;
  std::string buffer_, texts_;
  std::vector<size_t> ends_;
};

/// Brackets, commas and line breaks around the elements.
class Brackets {
 public:
  Brackets(const Shown& shown, const Column& column, const PrintOptions& options, std::string& text)
      : shown_(shown), column_(column), options_(options), text_(text) {}

  void append(size_t dim, int64_t indent) {
    size_t dims = shown_.shape.size();
    if (dims == 0) return column_.append(0, text_);
    if (dim + 1 == dims) return append_row(dim, indent);
    text_ += '[';
    for_items(dim, [&](int64_t place, bool ellipsis) {
      if (place > 0) {
        text_ += ',';
        text_.append(dims - dim - 1, '\n');
        text_.append(size_t(indent + 1), ' ');
      }
      if (ellipsis)
        text_ += "...";
      else
        append(dim + 1, indent + 1);
    });
    text_ += ']';
  }

 private:
  /// Calls `item(place, is the ellipsis)` for what stands in one dim, in order.
  template <class Item>
  void for_items(size_t dim, Item item) {
    int64_t count = shown_.shape[dim], place = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (shown_.elided[dim] && i == count / 2) item(place++, true);
      item(place++, false);
    }
    if (shown_.elided[dim] && count == 0) item(place, true);
  }

  void append_row(size_t dim, int64_t indent) {
    int64_t per_line = std::max<int64_t>(1, (options_.linewidth - indent) / (column_.width() + 2));
    text_ += '[';
    for_items(dim, [&](int64_t place, bool ellipsis) {
      if (place > 0) {
        text_ += ',';
        if (place % per_line == 0) {
          text_ += '\n';
          text_.append(size_t(indent + 1), ' ');
        } else {
          text_ += ' ';
        }
      }
      if (ellipsis)
        text_ += shown_.shape[dim] == 0 ? "..." : " ...";
      else
        column_.append(next_++, text_);
    });
    text_ += ']';
  }

  const Shown& shown_;
  const Column& column_;
  const PrintOptions& options_;
  std::string& text_;
  size_t next_ = 0;
};

/// "(2, 3)", "(5,)", "()".
std::string tuple_text(std::span<const int64_t> shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

/// Adds ", dtype=…" and its like, on a new line where the line would be too long.
class Suffixes {
 public:
  Suffixes(std::string& text, int64_t indent, int64_t linewidth)
      : text_(text), indent_(indent), linewidth_(linewidth) {
    size_t newline = text.rfind('\n');
    length_ = int64_t(text.size()) + 1 - (newline == text.npos ? -1 : int64_t(newline));
  }
  void add(const std::string& suffix) {
    int64_t added = int64_t(suffix.size());
    if (length_ + added + 2 > linewidth_) {
      text_ += ",\n" + std::string(size_t(indent_), ' ') + suffix;
      length_ = indent_ + added;
    } else {
      text_ += ", " + suffix;
      length_ += added + 2;
    }
  }

 private:
  std::string& text_;
  int64_t indent_, linewidth_, length_;
};

void add_suffixes(const Tensor& tensor, const PrintOptions& options, Suffixes suffixes) {
  bool meta = tensor.impl()->device == DeviceType::Meta, empty = tensor.numel() == 0;
  if (meta) suffixes.add("device='" + to_string(tensor.device()) + "'");
  if (meta || (empty ? tensor.dim() != 1 : options.edgeitems == 0)) {
    suffixes.add("size=" + tuple_text(tensor.shape()));
  }
  DType dtype = tensor.dtype();
  bool shows_itself = !meta && !empty && (dtype == DType::Int64 || dtype == DType::Bool);
  if (dtype != default_dtype() && !shows_itself) {
    suffixes.add("dtype=torch." + std::string(info(dtype).name));
  }
  std::string node;
  try {
    if (Ref<autograd::Node> function = tensor.grad_fn()) node = function->name();
  } catch (const Error&) {
    node = "Invalid";  // a view whose history may not be rebuilt
  }
  if (!node.empty())
    suffixes.add("grad_fn=<" + node + ">");
  else if (tensor.requires_grad())
    suffixes.add("requires_grad=True");
  if (!autograd::level_is_open() || !autograd::forward_ad::is_fwd_grad_enabled()) return;
  if (Tensor tangent = autograd::forward_ad::tangent_of(tensor); tangent.defined()) {
    suffixes.add("tangent=" + (tangent.dim() == 0 ? python_text(tangent.item<double>())
                                                  : format_tensor(tangent)));
  }
}

}  // namespace

PrintOptions get_printoptions() {
  std::lock_guard lock(g_mutex);
  return g_options;
}

void set_printoptions(const PrintOptions& options) {
  check(options.precision >= 0, ErrorKind::Value,
        "set_printoptions: precision must not be negative, but is ", options.precision);
  check(options.edgeitems >= 0, ErrorKind::Value,
        "set_printoptions: edgeitems must not be negative, but is ", options.edgeitems);
  std::lock_guard lock(g_mutex);
  g_options = options;
}

void set_printoptions(std::optional<int64_t> precision, std::optional<double> threshold,
                      std::optional<int64_t> edgeitems, std::optional<int64_t> linewidth,
                      std::optional<std::string_view> profile, std::optional<bool> sci_mode) {
  PrintOptions options = get_printoptions();
  if (profile == "default") options = {};
  if (profile == "short") options = {2, 1000, 2, 80, {}};
  if (profile == "full") options = {4, std::numeric_limits<double>::infinity(), 3, 80, {}};
  options.precision = precision.value_or(options.precision);
  options.threshold = threshold.value_or(options.threshold);
  options.edgeitems = edgeitems.value_or(options.edgeitems);
  options.linewidth = linewidth.value_or(options.linewidth);
  options.sci_mode = sci_mode;
  set_printoptions(options);
}

std::string format_tensor(const Tensor& tensor, std::string_view prefix) {
  if (!tensor.defined()) return "[ Tensor (undefined) ]";
  PrintOptions options = get_printoptions();
  std::string text(prefix);
  int64_t indent = int64_t(prefix.size());
  if (tensor.impl()->device == DeviceType::Meta) {
    text += "...";
  } else if (tensor.numel() == 0) {
    text += "[]";
  } else {
    Shown shown = shown_elements(tensor, options);
    Column column(shown, options, tensor.dtype() == DType::Bool);
    Brackets(shown, column, options, text).append(0, indent);
  }
  add_suffixes(tensor, options, Suffixes(text, indent, options.linewidth));
  return text + ")";
}

std::string Tensor::to_string() const { return format_tensor(*this); }

void print(const Tensor& tensor, std::FILE* file) {
  std::string text = format_tensor(tensor) + "\n";
  std::fwrite(text.data(), 1, text.size(), file);
}

}  // namespace rushlight
