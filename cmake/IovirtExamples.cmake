# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The iovirt authors
#
# examples/NN_name/main.cpp becomes example_NN_name and a test of the same name, run in its
# own folder: it must exit with 0 and print examples/NN_name/expected.txt where there is one,
# and the ```output block of its README.md where there is one.
# One that says sc_main anywhere links SystemC and all models; another the pure cores.

file(GLOB mains CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/[0-9][0-9]_*/main.cpp)
add_custom_target(examples)
foreach(main IN LISTS mains)
  get_filename_component(folder ${main} DIRECTORY)
  get_filename_component(name ${folder} NAME)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  add_executable(example_${name} ${sources})
  iovirt_settings(example_${name})
  target_compile_definitions(example_${name} PRIVATE IOVIRT_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${main})
  file(STRINGS ${main} systemc REGEX "sc_main")
  if(systemc)
    iovirt_use_pch(example_${name})
    target_link_libraries(example_${name} PRIVATE iovirt::platform)
  else()
    target_link_libraries(example_${name} PRIVATE iovirt::platform_core)
  endif()
  add_dependencies(examples example_${name})
  if(IOVIRT_TESTS)
    add_dependencies(iovirt_tests example_${name})
    add_test(NAME example_${name}
      COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:example_${name}> -DFOLDER=${folder}
        -P ${PROJECT_SOURCE_DIR}/cmake/run_example.cmake)
  endif()
endforeach()
