# Installs libraries, headers and CMake's package files, into a wheel or into an ordinary prefix.

include(CMakePackageConfigHelpers)

set(_libraries LIBRARY DESTINATION "${FASTNN_INSTALL_LIBDIR}" COMPONENT ${FASTNN_INSTALL_COMPONENT})
set(_headers DESTINATION "${FASTNN_INSTALL_INCLUDEDIR}" COMPONENT ${FASTNN_INSTALL_COMPONENT})
set(_package DESTINATION "${FASTNN_INSTALL_CMAKEDIR}" COMPONENT ${FASTNN_INSTALL_COMPONENT})

install(TARGETS fastnn EXPORT fastnnTargets ${_libraries})
if(_kernel_targets)
  install(TARGETS ${_kernel_targets} ${_libraries})
endif()
if(SKBUILD AND TARGET _core)
  install(TARGETS _core ${_libraries})
endif()

foreach(_folder core ops graph train)
  if(EXISTS "${CMAKE_SOURCE_DIR}/csrc/${_folder}")
    install(DIRECTORY "csrc/${_folder}" ${_headers} FILES_MATCHING PATTERN "*.h" PATTERN "*.inc")
  endif()
endforeach()
install(DIRECTORY "${FASTNN_GENERATED_DIR}/" ${_headers})

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/fastnnConfig.cmake.in" "${CMAKE_BINARY_DIR}/fastnnConfig.cmake"
                              INSTALL_DESTINATION "${FASTNN_INSTALL_CMAKEDIR}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/fastnnConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(EXPORT fastnnTargets NAMESPACE fastnn:: ${_package})
install(FILES "${CMAKE_BINARY_DIR}/fastnnConfig.cmake" "${CMAKE_BINARY_DIR}/fastnnConfigVersion.cmake" ${_package})
