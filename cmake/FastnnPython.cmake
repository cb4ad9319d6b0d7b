# The Python module _core, and beside a build that is not in place an overlay of python/fastnn's files.

find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
if(NOT pybind11_DIR)
  execute_process(COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir OUTPUT_VARIABLE _pybind11_dir
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(_pybind11_dir)
    set(pybind11_DIR "${_pybind11_dir}" CACHE PATH "pybind11's CMake files")
  endif()
endif()
set(PYBIND11_FINDPYTHON ON)
find_package(pybind11 3.0 CONFIG REQUIRED)

file(GLOB _bindings CONFIGURE_DEPENDS csrc/bindings/*.cpp)
if(_bindings)
  pybind11_add_module(_core MODULE NO_EXTRAS ${_bindings})
  target_link_libraries(_core PRIVATE fastnn::fastnn fastnn_flags)
  # Nothing in the bindings is hot; they compile in three quarters of the time and shrink.
  target_compile_options(_core PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-Os>)
  set_target_properties(_core PROPERTIES BUILD_WITH_INSTALL_RPATH ON)
else()
  message(STATUS "fastnn: no csrc/bindings/*.cpp yet, so no _core")
endif()

if(FASTNN_INPLACE AND TARGET _core)
  add_custom_target(
    stub
    COMMAND "${CMAKE_COMMAND}" -E env "PYTHONPATH=${CMAKE_SOURCE_DIR}/python" "${Python_EXECUTABLE}"
            "${CMAKE_SOURCE_DIR}/.ci/stub.py"
    DEPENDS _core ${_kernel_targets}
    COMMENT "Writing python/fastnn/_core.pyi"
    VERBATIM)
endif()

if(NOT FASTNN_INPLACE AND NOT SKBUILD)
  add_custom_target(
    fastnn_overlay ALL
    COMMAND "${CMAKE_COMMAND}" "-DFROM=${CMAKE_SOURCE_DIR}/python/fastnn" "-DTO=${FASTNN_OUTPUT_DIR}" -P
            "${CMAKE_CURRENT_LIST_DIR}/overlay.cmake"
    VERBATIM)
endif()
