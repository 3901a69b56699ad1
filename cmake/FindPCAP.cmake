# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The iovirt authors
#
# Finds libpcap and defines PCAP::pcap.

include(FindPackageHandleStandardArgs)
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(PC_PCAP QUIET libpcap)
endif()
find_path(PCAP_INCLUDE_DIR NAMES pcap/pcap.h HINTS ${PC_PCAP_INCLUDE_DIRS})
find_library(PCAP_LIBRARY NAMES pcap HINTS ${PC_PCAP_LIBRARY_DIRS})
mark_as_advanced(PCAP_INCLUDE_DIR PCAP_LIBRARY)

find_package_handle_standard_args(PCAP
  REQUIRED_VARS PCAP_LIBRARY PCAP_INCLUDE_DIR
  VERSION_VAR PC_PCAP_VERSION
  REASON_FAILURE_MESSAGE "install libpcap-dev")

if(PCAP_FOUND AND NOT TARGET PCAP::pcap)
  add_library(PCAP::pcap UNKNOWN IMPORTED)
  set_target_properties(PCAP::pcap PROPERTIES
    IMPORTED_LOCATION ${PCAP_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${PCAP_INCLUDE_DIR})
endif()
