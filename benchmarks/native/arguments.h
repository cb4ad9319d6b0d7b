// What the programs beside this file share: arguments and files are checked, mistakes end in a line and exit
// code 2.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

[[noreturn]] inline void refuse(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  std::exit(2);
}

/// A whole number between 1 and `most` from argument `index`, or `otherwise` if it was not given.
inline int64_t count_argument(int argc, char** argv, int index, const char* name, int64_t otherwise,
                              int64_t most) {
  if (index >= argc) return otherwise;
  char* end = nullptr;
  const long long value = std::strtoll(argv[index], &end, 10);
  if (end == argv[index] || *end != '\0' || value < 1 || value > most)
    refuse(std::string(name) + " must be a whole number between 1 and " + std::to_string(most) + ", got '" +
           argv[index] + "'");
  return value;
}

/// An IDX file of bytes: its extents, and the values after the header.
struct Idx {
  std::vector<int64_t> extents;
  std::vector<unsigned char> values;
};

/// Reads an unzipped IDX file that must hold bytes of that many dimensions, and nothing else.
inline Idx read_idx(const std::string& path, size_t rank) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    refuse("cannot open " + path + "; the folder must hold MNIST's four files, unzipped: gunzip -k *.gz");
  Idx idx;
  idx.values.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  const std::vector<unsigned char>& bytes = idx.values;
  const size_t header = 4 + 4 * rank;
  if (bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b) refuse(path + " is zipped still: gunzip it");
  if (bytes.size() < header || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8 || bytes[3] != rank)
    refuse(path + " is no IDX file of bytes with " + std::to_string(rank) + " dimension(s)");
  int64_t count = 1;
  for (size_t axis = 0; axis < rank; ++axis) {
    int64_t extent = 0;
    for (size_t i = 0; i < 4; ++i) extent = extent * 256 + bytes[4 + 4 * axis + i];
    idx.extents.push_back(extent);
    const auto left = static_cast<int64_t>(bytes.size());  // so that the product cannot overflow
    count = extent > left || count > left ? left + 1 : count * extent;
  }
  const auto held = static_cast<int64_t>(bytes.size() - header);
  if (count != held || count == 0)
    refuse(path + " holds " + std::to_string(held) +
           " values, but its header says otherwise: it is truncated " + "or damaged");
  idx.values.erase(idx.values.begin(), idx.values.begin() + static_cast<std::ptrdiff_t>(header));
  return idx;
}
