# Instruction sets: FASTNN_ISA_LIST, and fastnn_add_kernels(isa sources...), which builds libfastnn_cpu_<isa>.

set(FASTNN_ISAS "all" CACHE STRING "Instruction sets: all, native (this machine's best), or some of v2;v3;v4")

set(FASTNN_ISA_FLAGS_v2 -march=x86-64-v2)
set(FASTNN_ISA_FLAGS_v3 -march=x86-64-v3)
set(FASTNN_ISA_FLAGS_v4 -march=x86-64-v4 -mprefer-vector-width=512)
set(FASTNN_ISA_FLAGS_neon)
# Beyond the level, for int8_product_vnni.cpp alone, which runs where the processor has the instruction.
set(FASTNN_VNNI_FLAGS_v3 -mavxvnni)
set(FASTNN_VNNI_FLAGS_v4 -mavx512vnni)

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" _processor)
if(APPLE AND CMAKE_OSX_ARCHITECTURES)
  string(TOLOWER "${CMAKE_OSX_ARCHITECTURES}" _processor)
endif()
if(_processor MATCHES "^(x86_64|amd64|x64)$")
  set(_isas_known v2 v3 v4)
elseif(_processor MATCHES "^(aarch64|arm64)$")
  set(_isas_known neon)
else()
  message(FATAL_ERROR "fastnn: processor '${CMAKE_SYSTEM_PROCESSOR}' is not supported; x86-64 and arm64 are.")
endif()

if(FASTNN_ISAS STREQUAL "all")
  set(FASTNN_ISA_LIST ${_isas_known})
elseif(FASTNN_ISAS STREQUAL "native")
  if(_isas_known STREQUAL "neon")
    set(FASTNN_ISA_LIST neon)
  else()
    if(NOT DEFINED FASTNN_NATIVE_ISA)
      try_run(_isa_status _isa_compiled "${CMAKE_BINARY_DIR}/detect_isa" "${CMAKE_CURRENT_LIST_DIR}/detect_isa.cpp"
              RUN_OUTPUT_VARIABLE _isa_best)
      if(NOT _isa_compiled OR NOT _isa_status EQUAL 0)
        message(FATAL_ERROR "fastnn: cannot tell this machine's instruction set (x86-64-v2 is the least that is "
                            "served). Set FASTNN_ISAS to all, or to some of v2;v3;v4.")
      endif()
      set(FASTNN_NATIVE_ISA "${_isa_best}" CACHE INTERNAL "Best instruction set of this machine")
    endif()
    set(FASTNN_ISA_LIST ${FASTNN_NATIVE_ISA})
  endif()
else()
  foreach(_isa IN LISTS FASTNN_ISAS)
    if(NOT _isa IN_LIST _isas_known)
      message(FATAL_ERROR "fastnn: FASTNN_ISAS names '${_isa}'; known here: ${_isas_known}, all, native.")
    endif()
  endforeach()
  set(FASTNN_ISA_LIST ${FASTNN_ISAS})
endif()
message(STATUS "fastnn: instruction sets ${FASTNN_ISA_LIST}")

function(fastnn_add_kernels isa)
  set(target fastnn_cpu_${isa})
  add_library(${target} MODULE ${ARGN})
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/csrc" "${FASTNN_GENERATED_DIR}")
  target_compile_definitions(${target} PRIVATE FASTNN_ISA_NAME="${isa}" FASTNN_ISA_${isa}=1)
  target_compile_options(${target} PRIVATE ${FASTNN_ISA_FLAGS_${isa}} -fno-trapping-math -ffp-contract=fast
                                           $<$<CONFIG:Release,RelWithDebInfo>:-O3>
                         # One region for register allocation: GCC's default spills inside tiles that just fit.
                         $<$<CXX_COMPILER_ID:GNU>:-fira-region=one>)
  target_link_libraries(${target} PRIVATE fastnn_flags)
  set_target_properties(${target} PROPERTIES PREFIX lib SUFFIX "${CMAKE_SHARED_LIBRARY_SUFFIX}"
                                             FASTNN_VNNI_FLAGS "${FASTNN_VNNI_FLAGS_${isa}}")
  fastnn_no_undefined(${target})
  # Only the table leaves the library: an inline function compiled for AVX-512 must never serve other code.
  if(APPLE)
    target_link_options(${target} PRIVATE -Wl,-exported_symbol,_fastnn_kernel_table)
  elseif(UNIX)
    set(script "${CMAKE_SOURCE_DIR}/cmake/kernels.map")
    target_link_options(${target} PRIVATE "-Wl,--version-script=${script}")
    set_target_properties(${target} PROPERTIES LINK_DEPENDS "${script}")
  endif()
endfunction()
