// Layers: settings, the text of their representation, and calls through their entry.

#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

namespace {

bool names(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    size_t end = std::min(list.find(", "), list.size());
    if (list.substr(0, end) == name) return true;
    list.remove_prefix(std::min(end + 2, list.size()));
  }
  return false;
}

bool is_setting(const LayerEntry& entry, const Parameter& parameter) {
  return parameter.type != Type::Tensor &&
         !names("device, dtype, size_average, reduce", parameter.name) &&
         !names(entry.hidden, parameter.name);
}

/// PyTorch's translation of the two old arguments of losses.
std::string_view legacy_reduction(const Value& average, const Value& reduce) {
  bool averages = average.is_none() || average.as<bool>();
  bool reduces = reduce.is_none() || reduce.as<bool>();
  std::string_view reduction = !reduces ? "none" : averages ? "mean" : "sum";
  warn("size_average and reduce args will be deprecated, please use reduction='" +
       std::string(reduction) + "' instead.");
  return reduction;
}

}  // namespace

// -- Settings -------------------------------------------------------------------------------------

Value Setting::value() const {
  switch (kind) {
    case Value::Kind::None: return Value();
    case Value::Kind::Ints: return Value(Ints(ints));
    case Value::Kind::Text: return Value(std::string_view(text));
    default: return Value(number);
  }
}

void Setting::set(const Value& value) {
  kind = value.kind();
  switch (kind) {
    case Value::Kind::None: check(optional, ErrorKind::Type, name, " must not be None"); break;
    case Value::Kind::Ints: ints = Dims(value.ints()); break;
    case Value::Kind::Text: text = value.text(); break;
    default: number = value.scalar();
  }
}

std::string to_string(const Setting& setting) {
  switch (setting.kind) {
    case Value::Kind::None: return "None";
    case Value::Kind::Text: return "'" + setting.text + "'";
    case Value::Kind::Float: return python_text(setting.number.real());
    case Value::Kind::Bool: return setting.number.to<bool>() ? "True" : "False";
    case Value::Kind::Ints: {
      std::string text = "(";
      for (int64_t size : setting.ints)
        text += (text.size() > 1 ? ", " : "") + std::to_string(size);
      return text + (setting.ints.size() == 1 ? ",)" : ")");
    }
    default: return std::to_string(setting.number.integer());
  }
}

const LayerInfo& info(const LayerEntry& entry) {
  if (!entry.info) {
    // Schemas point into themselves, so each is parsed where it stays.
    auto* parsed = new LayerInfo;
    new (&parsed->schema) Schema(Schema::parse(entry.schema));
    auto* inputs = new std::string("forward(" + std::string(entry.inputs) + ") -> Tensor");
    new (&parsed->input_schema) Schema(Schema::parse(inputs->c_str()));
    entry.info = parsed;
  }
  return *entry.info;
}

std::optional<Device> Arguments::device() const {
  return (*this)["device"].as<std::optional<Device>>();
}

Tensor Arguments::empty(Ints shape) const {
  return rushlight::empty(shape, (*this)["dtype"].as<std::optional<DType>>(), device());
}

Layer::Layer() = default;
Layer::Layer(const LayerEntry& entry, const Value* arguments) {
  if (build(&entry, arguments)) reset_parameters();
}
Layer::Layer(Layer&&) noexcept = default;
Layer& Layer::operator=(Layer&&) noexcept = default;
Layer::~Layer() = default;

void Layer::clear() {
  parameter_slots().clear();
  buffer_slots().clear();
  module_slots().clear();
  settings_.clear();
  entry_ = nullptr;
}

bool Layer::build(const LayerEntry* entry, const Value* arguments) {
  clear();
  set_training(true);
  entry_ = entry;
  if (!entry) return false;
  const Schema& schema = info(*entry).schema;
  const Value* values = arguments;
  for (const Parameter& parameter : schema.parameters) {
    const Value* value = values ? values++ : nullptr;
    if (is_setting(*entry, parameter)) {
      Setting setting(parameter, parameter.optional);
      if (value) setting.set(*value);
      settings_.push_back(std::move(setting));
    } else if (value && parameter.type == Type::Tensor && !names(entry->hidden, parameter.name)) {
      register_buffer(std::string(parameter.name), value->tensor_or_undefined());
    }
  }
  if (!arguments) return false;
  Arguments named{schema, arguments};
  int average = schema.find("size_average"), reduce = schema.find("reduce");
  if (average >= 0 && !(arguments[average].is_none() && arguments[reduce].is_none()))
    set("reduction", Value(legacy_reduction(arguments[average], arguments[reduce])));
  if (entry->build) entry->build(*this, named);
  return entry->reset && !named.initialised;
}

const Setting* Layer::find_setting(std::string_view name) const {
  for (const Setting& setting : settings_) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

const Setting& Layer::setting(std::string_view name) const {
  const Setting* found = find_setting(name);
  check(found, ErrorKind::Attribute, "'", class_name(), "' object has no attribute '", name, "'");
  return *found;
}

void Layer::set(std::string_view name, const Value& value) {
  const_cast<Setting&>(setting(name)).set(value);
}

bool Layer::is_none(std::string_view name) const { return setting(name).kind == Value::Kind::None; }
int64_t Layer::integer(std::string_view name) const { return setting(name).number.integer(); }
double Layer::real(std::string_view name) const { return setting(name).number.real(); }
Scalar Layer::number(std::string_view name) const { return setting(name).number; }
bool Layer::flag(std::string_view name) const { return setting(name).number.to<bool>(); }
std::string_view Layer::text(std::string_view name) const { return setting(name).text; }
Ints Layer::ints(std::string_view name) const { return setting(name).ints; }

// -- Calls ----------------------------------------------------------------------------------------

Tensor Layer::forward(const Tensor& input) { return forward_all({&input, 1}); }

Tensor Layer::forward_all(Tensors inputs) {
  if (!entry_ || !entry_->forward) return Module::forward(Tensor());
  size_t wanted = info(*entry_).input_schema.parameters.size();
  check(inputs.size() == wanted, ErrorKind::Type, class_name(), ".forward() takes ", wanted,
        wanted == 1 ? " tensor but " : " tensors but ", inputs.size(), " were given");
  return entry_->forward(*this, inputs);
}

void Layer::reset_parameters() {
  if (entry_ && entry_->reset) entry_->reset(*this);
}

// -- Text -----------------------------------------------------------------------------------------

std::string Layer::class_name() const {
  if (is_overridden()) return Module::class_name();
  if (!entry_) return "Module";
  return std::string(info(*entry_).schema.name);
}

namespace {

/// Whether a setting differs from the constructor's default.
bool is_changed(const Layer& layer, std::string_view name) {
  const Setting* setting = layer.find_setting(name);
  if (!setting) return true;
  for (const Parameter& parameter : info(*layer.entry()).schema.parameters) {
    if (parameter.name != name) continue;
    Setting standard(parameter, true);
    standard.set(parameter.default_value);
    return standard.kind != setting->kind || to_string(standard) != to_string(*setting);
  }
  return true;
}

std::string field(const Layer& layer, std::string_view name) {
  bool bare = name.ends_with("!");  // text without quotes
  if (bare) name.remove_suffix(1);
  const Setting* setting = layer.find_setting(name);
  if (!setting) return layer.tensor(name).defined() ? "True" : "False";
  return bare ? setting->text : to_string(*setting);
}

/// Fills in a template; see LayerEntry::repr.
std::string fill_in(const Layer& layer, std::string_view form) {
  std::string result;
  while (!form.empty()) {
    size_t open = std::min(form.find_first_of("[{"), form.size());
    result += form.substr(0, open);
    form.remove_prefix(open);
    if (form.empty()) break;
    bool optional = form[0] == '[';
    size_t close = form.find(optional ? ']' : '}');
    std::string_view inside = form.substr(1, close - 1);
    form.remove_prefix(close + 1);
    if (!optional) {
      result += field(layer, inside);
      continue;
    }
    size_t begin = inside.find('{') + 1, end = inside.find('}');
    if (is_changed(layer, inside.substr(begin, end - begin))) result += fill_in(layer, inside);
  }
  return result;
}

}  // namespace

std::string Layer::extra_repr() const { return entry_ ? fill_in(*this, entry_->repr) : ""; }

}  // namespace rushlight::nn
