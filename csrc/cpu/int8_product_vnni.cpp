// The product of int8_product.h with the processor's instruction for four products of bytes. This file has
// flags of its own (CMakeLists.txt); int8_product.cpp asks the processor before it calls.
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
#include "cpu/int8_tiles.h"
#else
#include "cpu/int8_product.h"
#endif

namespace fastnn::cpu {

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
void (*const int8_product_vnni)(const Int8Product&) = run_product;
#else
void (*const int8_product_vnni)(const Int8Product&) = nullptr;
#endif

}  // namespace fastnn::cpu
