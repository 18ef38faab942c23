#pragma once
// A vector whose first N elements live inside it: shapes, edges and saved values rarely need more.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace rushlight {

template <class T, size_t N>
class SmallVector {
 public:
  using value_type = T;

  SmallVector() noexcept {}
  SmallVector(std::initializer_list<T> list) { append(list.begin(), list.end()); }
  explicit SmallVector(size_t count, const T& value = T()) { resize(count, value); }
  template <class Iterator>
  requires(!std::is_integral_v<Iterator>) SmallVector(Iterator begin, Iterator end) {
    append(begin, end);
  }
  explicit SmallVector(std::span<const T> span) { append(span.begin(), span.end()); }
  SmallVector(const SmallVector& other) {
    if (!copy_inline(other)) append(other.begin(), other.end());
  }
  SmallVector(SmallVector&& other) noexcept { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) assign(other.begin(), other.end());
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      clear();
      free_heap();
      take(other);
    }
    return *this;
  }
  ~SmallVector() {
    std::destroy_n(data_, size_);
    free_heap();
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  T& operator[](size_t i) noexcept { return data_[i]; }
  const T& operator[](size_t i) const noexcept { return data_[i]; }
  T& back() noexcept { return data_[size_ - 1]; }
  const T& back() const noexcept { return data_[size_ - 1]; }
  T& front() noexcept { return data_[0]; }
  const T& front() const noexcept { return data_[0]; }
  operator std::span<const T>() const noexcept { return {data_, size_}; }

  void push_back(T value) { emplace_back(std::move(value)); }
  /// The arguments may not refer into this vector.
  template <class... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    if (size_ == capacity_) reserve(2 * size_t(capacity_));
    T* made = new (data_ + size_) T(std::forward<Arguments>(arguments)...);
    ++size_;
    return *made;
  }
  void pop_back() noexcept { data_[--size_].~T(); }
  void clear() noexcept {
    std::destroy_n(data_, size_);
    size_ = 0;
  }
  void resize(size_t count, const T& value = T()) {
    if (count > capacity_) reserve(count);
    while (size_ > count) pop_back();
    while (size_ < count) new (data_ + size_++) T(value);
  }
  /// For trivial types: the caller writes every element.
  void resize_uninitialized(size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    reserve(count);
    size_ = uint32_t(count);
  }
  void reserve(size_t count) {
    if (count <= capacity_) return;
    T* grown = static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(alignof(T))));
    std::uninitialized_move_n(data_, size_, grown);
    std::destroy_n(data_, size_);
    free_heap();
    data_ = grown;
    capacity_ = uint32_t(count);
  }
  template <class Iterator>
  void assign(Iterator begin, Iterator end) {
    clear();
    append(begin, end);
  }
  template <class Iterator>
  void append(Iterator begin, Iterator end) {
    if constexpr (std::is_trivially_copyable_v<T> && std::contiguous_iterator<Iterator>) {
      size_t count = size_t(end - begin);
      if (size_ + count > capacity_) reserve(std::max(size_ + count, 2 * size_t(capacity_)));
      std::copy_n(begin, count, data_ + size_);
      size_ += uint32_t(count);
    } else {
      for (; begin != end; ++begin) push_back(*begin);
    }
  }
  void insert(size_t position, T value) {
    push_back(std::move(value));
    std::rotate(begin() + position, end() - 1, end());
  }
  void erase(size_t position) {
    std::move(begin() + position + 1, end(), begin() + position);
    pop_back();
  }

 private:
  /// Copies a constant number of bytes: a few moves instead of a call. False if they are too many.
  bool copy_inline(const SmallVector& other) noexcept {
    if constexpr (std::is_trivially_copyable_v<T>) {
      if (other.size_ > N) return false;
      std::memcpy(storage_, other.data_, sizeof storage_);
      size_ = other.size_;
      return true;
    }
    return false;
  }
  void take(SmallVector& other) noexcept {
    if (other.data_ == other.inline_data()) {
      if (copy_inline(other)) return void(other.size_ = 0);
      std::uninitialized_move_n(other.data_, other.size_, data_);
      size_ = other.size_;
      other.clear();
    } else {
      data_ = std::exchange(other.data_, other.inline_data());
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, uint32_t(N));
    }
  }
  void free_heap() noexcept {
    if (data_ != inline_data()) ::operator delete(data_, std::align_val_t(alignof(T)));
    data_ = inline_data();
    capacity_ = N;
  }
  T* inline_data() noexcept { return std::launder(reinterpret_cast<T*>(storage_)); }

  T* data_ = inline_data();
  uint32_t size_ = 0;
  uint32_t capacity_ = N;
  alignas(T) std::byte storage_[N * sizeof(T)];
};

template <class T, size_t N>
bool operator==(const SmallVector<T, N>& a, const SmallVector<T, N>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace rushlight
