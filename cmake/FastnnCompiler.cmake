# Which compilers are served, and the flags that every target shares (interface target fastnn_flags).

option(FASTNN_WERROR "Turn warnings into errors" OFF)
set(FASTNN_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined or thread")

if(MSVC AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "fastnn: MSVC (cl.exe) is not supported, because the kernels use GCC's and Clang's vector "
                      "extensions. Use clang-cl: cmake -T ClangCL, or set CXX=clang-cl.")
endif()
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 11)
   OR (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14))
  message(FATAL_ERROR "fastnn: ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} is too old; "
                      "GCC >= 11 or Clang >= 14 is needed. Set CXX to a newer one.")
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Line tables are enough to read a backtrace or a profile, and cost little time and space.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O3 -g1 -DNDEBUG")

add_library(fastnn_flags INTERFACE)
target_compile_options(fastnn_flags INTERFACE -Wall -Wextra -Wno-psabi -fno-math-errno)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC warns when a vector type is a template argument; that its attributes are ignored there is harmless.
  target_compile_options(fastnn_flags INTERFACE -Wno-ignored-attributes)
endif()
if(FASTNN_WERROR)
  target_compile_options(fastnn_flags INTERFACE -Werror)
endif()
if(NOT WIN32)
  target_compile_options(fastnn_flags INTERFACE -fno-semantic-interposition
                                                "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
endif()
if(UNIX AND NOT APPLE)
  target_link_options(fastnn_flags INTERFACE -Wl,--as-needed)
endif()
if(FASTNN_SANITIZE)
  target_compile_options(fastnn_flags INTERFACE -fsanitize=${FASTNN_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(fastnn_flags INTERFACE -fsanitize=${FASTNN_SANITIZE})
  if(FASTNN_SANITIZE MATCHES "undefined")
    target_compile_options(fastnn_flags INTERFACE -fno-sanitize-recover=all)
  endif()
endif()

find_program(FASTNN_CCACHE ccache)
if(FASTNN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Relative paths in the hash: several checkouts share one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
                                  "${FASTNN_CCACHE}")
endif()

# A library that must stand on its own: missing symbols are found when it is linked, not when it is loaded.
function(fastnn_no_undefined target)
  if(UNIX AND NOT APPLE AND NOT FASTNN_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,--no-undefined)
  endif()
endfunction()
