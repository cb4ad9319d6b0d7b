#include "core/arena.h"

#include <cstring>

namespace fastnn {

namespace {

constexpr size_t kKeptArenas = 8;

void grow(Buffer& buffer, int64_t bytes) {
  if (buffer.bytes() >= bytes) return;
  buffer = Buffer();  // first, so that there are never both
  buffer = Buffer(bytes);
}

void fill_buffer(const Buffer& buffer, int value) {
  if (buffer.bytes() > 0) std::memset(buffer.data(), value, static_cast<size_t>(buffer.bytes()));
}

}  // namespace

void Arena::reserve(int64_t shared, int threads, int64_t of_thread) {
  grow(shared_, shared);
  if (threads_.size() < static_cast<size_t>(threads)) threads_.resize(static_cast<size_t>(threads));
  for (size_t t = 0; t < static_cast<size_t>(threads); ++t) grow(threads_[t], of_thread);
}

int64_t Arena::bytes() const {
  int64_t total = shared_.bytes();
  for (const Buffer& buffer : threads_) total += buffer.bytes();
  return total;
}

void Arena::fill(int value) {
  fill_buffer(shared_, value);
  for (const Buffer& buffer : threads_) fill_buffer(buffer, value);
}

ArenaPool::ArenaPool() { idle_.reserve(kKeptArenas); }  // so that giving back never fails

std::unique_ptr<Arena> ArenaPool::lease(int64_t bytes) {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Arena>();
  size_t best = 0;
  for (size_t i = 1; i < idle_.size(); ++i) {
    const int64_t found = idle_[i]->bytes(), so_far = idle_[best]->bytes();
    const bool enough = found >= bytes;
    if (so_far >= bytes ? enough && found < so_far : found > so_far) best = i;
  }
  std::unique_ptr<Arena> leased = std::move(idle_[best]);
  idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(best));
  return leased;
}

void ArenaPool::give_back(std::unique_ptr<Arena> arena) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < kKeptArenas) idle_.push_back(std::move(arena));
}

int64_t ArenaPool::bytes() const {
  std::lock_guard lock(mutex_);
  int64_t total = 0;
  for (const auto& arena : idle_) total += arena->bytes();
  return total;
}

int64_t ArenaPool::count() const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(idle_.size());
}

void ArenaPool::fill(int value) {
  std::lock_guard lock(mutex_);
  for (const auto& arena : idle_) arena->fill(value);
}

void ArenaPool::clear() {
  std::lock_guard lock(mutex_);
  idle_.clear();
}

ArenaLease::ArenaLease(ArenaPool& pool, int64_t shared, int threads, int64_t of_thread, int64_t kept_bytes)
    : pool_(pool), kept_bytes_(kept_bytes), arena_(pool.lease(shared + threads * of_thread)) {
  arena_->reserve(shared, threads, of_thread);
}

ArenaLease::~ArenaLease() {
  if (arena_ != nullptr && arena_->bytes() <= kept_bytes_) pool_.give_back(std::move(arena_));
}

}  // namespace fastnn
