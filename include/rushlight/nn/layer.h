#pragma once
// Layer: a module described by an entry of the layer table, with the settings it was made with.

#include <rushlight/nn/module.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rushlight {
class Value;
}

namespace rushlight::nn {

struct LayerEntry;
struct Setting;

class Layer : public Module {
 public:
  /// No layer yet: what Module is for its subclasses in Python.
  Layer();
  /// `arguments` are those of the constructor that the entry's schema tells.
  Layer(const LayerEntry& entry, const Value* arguments);
  Layer(Layer&&) noexcept;
  Layer& operator=(Layer&&) noexcept;
  ~Layer() override;

  Tensor forward(const Tensor& input) override;
  Tensor forward_all(Tensors inputs) override;
  std::string extra_repr() const override;
  std::string class_name() const override;

  /// Gives parameters and buffers the values that they start with.
  void reset_parameters();

  // Settings by the names of the constructor's parameters; AttributeError if there is none.
  bool is_none(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  Scalar number(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::string_view text(std::string_view name) const;
  Ints ints(std::string_view name) const;

  const LayerEntry* entry() const { return entry_; }
  const std::vector<Setting>& settings() const { return settings_; }
  const Setting* find_setting(std::string_view name) const;
  /// Makes it a new layer: without parts, with the settings of `arguments`; none if that is null.
  /// Returns whether reset_parameters() is to follow.
  bool build(const LayerEntry* entry, const Value* arguments);
  /// Changes a setting; `value` must be of the kind that the schema tells.
  void set(std::string_view name, const Value& value);
  /// Drops all parts and settings.
  void clear();

 private:
  const Setting& setting(std::string_view name) const;

  const LayerEntry* entry_ = nullptr;
  std::vector<Setting> settings_;
};

}  // namespace rushlight::nn
