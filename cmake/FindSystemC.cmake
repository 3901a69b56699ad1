# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The iovirt authors
#
# Finds Accellera SystemC with TLM-2.0 and defines SystemC::systemc.
# Tried in this order: the CMake package of a self-built SystemC (SystemCLanguage),
# pkg-config (what Debian and Ubuntu ship), then SYSTEMC_HOME.
#
# The library remembers the C++ standard it was built for and refuses to link with
# another one. SC_CPLUSPLUS tells its headers which standard to assume; the value
# that links is found by trying.

include(FindPackageHandleStandardArgs)

if(NOT TARGET SystemC::systemc)
  find_package(SystemCLanguage CONFIG QUIET)
endif()

if(TARGET SystemC::systemc)
  set(SystemC_LIBRARY SystemC::systemc)
  set(SystemC_VERSION ${SystemCLanguage_VERSION})
else()
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(PC_SYSTEMC QUIET systemc)
  endif()
  find_path(SystemC_INCLUDE_DIR NAMES systemc
    HINTS ${PC_SYSTEMC_INCLUDE_DIRS} ${PC_SYSTEMC_INCLUDEDIR} $ENV{SYSTEMC_HOME}/include)
  find_library(SystemC_LIBRARY NAMES systemc
    HINTS ${PC_SYSTEMC_LIBRARY_DIRS} ${PC_SYSTEMC_LIBDIR}
      $ENV{SYSTEMC_HOME}/lib $ENV{SYSTEMC_HOME}/lib64 $ENV{SYSTEMC_HOME}/lib-linux64)
  # The header knows: Debian's systemc.pc of 3.0.1 says 3.0.0.
  if(SystemC_INCLUDE_DIR)
    file(STRINGS ${SystemC_INCLUDE_DIR}/sysc/kernel/sc_ver.h SystemC_VERSION
      REGEX "define SC_VERSION_(MAJOR|MINOR|PATCH) ")
    string(REGEX REPLACE "[^0-9]+" "." SystemC_VERSION "${SystemC_VERSION}")
    string(REGEX REPLACE "^\\.|\\.$" "" SystemC_VERSION "${SystemC_VERSION}")
  endif()
  mark_as_advanced(SystemC_INCLUDE_DIR SystemC_LIBRARY)
endif()

find_package_handle_standard_args(SystemC
  REQUIRED_VARS SystemC_LIBRARY
  VERSION_VAR SystemC_VERSION
  REASON_FAILURE_MESSAGE "install libsystemc-dev and pkg-config, or set SYSTEMC_HOME")

if(SystemC_FOUND AND NOT TARGET SystemC::systemc)
  add_library(SystemC::systemc UNKNOWN IMPORTED)
  find_package(Threads REQUIRED)
  set_target_properties(SystemC::systemc PROPERTIES
    IMPORTED_LOCATION ${SystemC_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${SystemC_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()

if(SystemC_FOUND AND NOT DEFINED SystemC_CPLUSPLUS)
  set(_probe ${CMAKE_BINARY_DIR}/CMakeFiles/systemc_probe.cpp)
  file(WRITE ${_probe} "#include <systemc>
    int sc_main(int, char**) { sc_core::sc_start(); return 0; }\n")
  foreach(_standard 201703L 202002L 201402L)
    try_compile(_links ${CMAKE_BINARY_DIR}/CMakeFiles/systemc_probe_${_standard} ${_probe}
      COMPILE_DEFINITIONS -DSC_CPLUSPLUS=${_standard}
      LINK_LIBRARIES SystemC::systemc
      CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
      OUTPUT_VARIABLE _log)
    if(_links)
      set(SystemC_CPLUSPLUS ${_standard} CACHE INTERNAL "The C++ standard SystemC was built for")
      break()
    endif()
  endforeach()
  if(NOT DEFINED SystemC_CPLUSPLUS)
    message(FATAL_ERROR "SystemC was found (${SystemC_LIBRARY}) but a trivial program does not link:\n${_log}")
  endif()
  message(STATUS "SystemC ${SystemC_VERSION}, built for C++ ${SystemC_CPLUSPLUS}")
endif()

# sc_spawn exists only with SC_INCLUDE_DYNAMIC_PROCESSES, and every unit must agree.
if(SystemC_FOUND AND NOT TARGET iovirt_systemc_definitions)
  add_library(iovirt_systemc_definitions INTERFACE IMPORTED)
  set_property(TARGET iovirt_systemc_definitions PROPERTY INTERFACE_COMPILE_DEFINITIONS
    SC_CPLUSPLUS=${SystemC_CPLUSPLUS} SC_INCLUDE_DYNAMIC_PROCESSES)
  set_property(TARGET SystemC::systemc APPEND PROPERTY
    INTERFACE_LINK_LIBRARIES iovirt_systemc_definitions)
endif()
