// The product of int8_product.h with the processor's instruction for four products of bytes. This file has
// flags of its own (CMakeLists.txt); int8_product.cpp asks the processor before it calls.
#include "cpu/int8_tiles.h"

namespace fastnn::cpu {

extern void (*const int8_product_vnni)(const Int8Product&);
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
void (*const int8_product_vnni)(const Int8Product&) = run_product;
#else
void (*const int8_product_vnni)(const Int8Product&) = nullptr;
#endif

}  // namespace fastnn::cpu
