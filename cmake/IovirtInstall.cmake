# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The iovirt authors
#
# Components: runtime (the command), development (headers, libraries, CMake package),
# data (profiles and sample captures, under the names they have in the source tree).

include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/models
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/iovirt COMPONENT development
  FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/platform
  DESTINATION ${CMAKE_INSTALL_DATADIR}/iovirt/models COMPONENT data
  FILES_MATCHING PATTERN "*.json")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples
  DESTINATION ${CMAKE_INSTALL_DATADIR}/iovirt COMPONENT data
  FILES_MATCHING PATTERN "*.json" PATTERN "*.pcap" PATTERN "*.pcapng" PATTERN "*.csv" PATTERN "NOTICE")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DATADIR}/iovirt COMPONENT data)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/iovirt)
install(EXPORT iovirt_targets NAMESPACE iovirt:: FILE iovirtTargets.cmake
  DESTINATION ${package_dir} COMPONENT development)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/iovirtConfig.cmake.in
  ${PROJECT_BINARY_DIR}/iovirtConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/iovirtConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/iovirtConfig.cmake
  ${PROJECT_BINARY_DIR}/iovirtConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindSystemC.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindPCAP.cmake
  DESTINATION ${package_dir} COMPONENT development)
