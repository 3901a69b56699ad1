# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The iovirt authors
#
# The few functions every target of the project is made with.
#
# A folder becomes targets by its file names alone:
#   lib/**/*.cpp        but lib/sim/   > iovirt_lib          iovirt::lib       pure
#   lib/sim/*.cpp                      > iovirt_sim          iovirt::sim       SystemC
#   models/X/**/*.cpp   but *_module   > iovirt_X_core       iovirt::X_core    pure
#   models/X/**/*_module.cpp           > iovirt_X            iovirt::X         SystemC
# A folder with headers only, or with nothing yet, becomes an INTERFACE library.

# iovirt_settings(TARGET): warnings and definitions of our own targets, never exported.
function(iovirt_settings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror
    -Wno-missing-field-initializers)  # a designated initializer names what differs from 0
  # g++ 12 and 13 warn about their own std::string and std::vector once sanitizers or
  # inlining hide the bounds; the sanitizers themselves look for the real thing.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE
      -Wno-error=maybe-uninitialized -Wno-error=array-bounds -Wno-error=stringop-overflow
      -Wno-error=stringop-overread -Wno-error=restrict
      $<$<CONFIG:Release>:-Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-maybe-uninitialized>)
  endif()
endfunction()

# iovirt_use_pch(TARGET): one precompiled <systemc> + <tlm> for everything that links SystemC.
function(iovirt_use_pch target)
  if(IOVIRT_PCH)
    target_precompile_headers(${target} REUSE_FROM iovirt_systemc_pch)
  endif()
endfunction()

# iovirt_add_library(TARGET ALIAS name SOURCES ... [LINK ...] [SYSTEMC]):
# a static library, or an INTERFACE library while it has no sources; exported.
function(iovirt_add_library target)
  cmake_parse_arguments(arg "SYSTEMC" "ALIAS" "SOURCES;LINK" ${ARGN})
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    iovirt_settings(${target})
    if(arg_SYSTEMC)
      iovirt_use_pch(${target})
    endif()
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(iovirt::${arg_ALIAS} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${arg_ALIAS})
  target_compile_features(${target} ${scope} cxx_std_20)
  target_include_directories(${target} ${scope}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/iovirt>)
  target_link_libraries(${target} ${scope} ${arg_LINK})
  install(TARGETS ${target} EXPORT iovirt_targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
endfunction()

# iovirt_add_model(X [CORE_DEPS model...] [MODULE_DEPS model...] [CORE_LIBS target...])
# CORE_DEPS and MODULE_DEPS name other models; CORE_LIBS are packages the core needs.
function(iovirt_add_model model)
  cmake_parse_arguments(arg "" "" "CORE_DEPS;MODULE_DEPS;CORE_LIBS" ${ARGN})
  file(GLOB_RECURSE core CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/models/${model}/*.cpp)
  set(module ${core})
  list(FILTER core EXCLUDE REGEX "_module\\.cpp$")
  list(FILTER module INCLUDE REGEX "_module\\.cpp$")

  list(TRANSFORM arg_CORE_DEPS REPLACE "(.+)" "iovirt::\\1_core" OUTPUT_VARIABLE core_link)
  list(TRANSFORM arg_MODULE_DEPS REPLACE "(.+)" "iovirt::\\1" OUTPUT_VARIABLE module_link)
  iovirt_add_library(iovirt_${model}_core ALIAS ${model}_core SOURCES ${core}
    LINK iovirt::lib ${core_link} ${arg_CORE_LIBS})
  iovirt_add_library(iovirt_${model} ALIAS ${model} SOURCES ${module} SYSTEMC
    LINK iovirt::${model}_core iovirt::sim ${module_link})
endfunction()
