# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The iovirt authors
#
# cmake -DPROGRAM=... -DFOLDER=... -P run_example.cmake: see IovirtExamples.cmake.

function(compare expected source)
  # Trailing white space differs between editors, not between results.
  string(STRIP "${expected}" expected)
  string(STRIP "${output}" printed)
  if(NOT expected STREQUAL printed)
    message(FATAL_ERROR "the output differs from ${source}\n--- expected\n${expected}\n--- printed\n${printed}")
  endif()
endfunction()

execute_process(COMMAND ${PROGRAM} WORKING_DIRECTORY ${FOLDER}
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors)
message("${output}${errors}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${result}")
endif()
if(EXISTS ${FOLDER}/expected.txt)
  file(READ ${FOLDER}/expected.txt expected)
  compare("${expected}" "expected.txt")
endif()
if(EXISTS ${FOLDER}/README.md)
  file(READ ${FOLDER}/README.md readme)
  string(FIND "${readme}" "```output\n" begin)
  if(NOT begin EQUAL -1)
    math(EXPR begin "${begin} + 10")
    string(SUBSTRING "${readme}" ${begin} -1 rest)
    string(FIND "${rest}" "```" end)
    string(SUBSTRING "${rest}" 0 ${end} expected)
    compare("${expected}" "the output block of README.md")
  endif()
endif()
